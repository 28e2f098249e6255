// A CSI controller that only attaches, with a memory of its own: it says what the orchestrator did wrong (I-17, I-18)
// and can lose requests and answers.
import type { Random } from '#base/random.ts';
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { Driver } from '#csi/driver.ts';
import type { HollowKernel } from './kernel.ts';

interface PublishRequest {
  readonly volumeId: string;
  readonly nodeId: string;
  readonly volumeCapability?: { readonly accessMode?: { readonly mode?: string } };
}

export class ExclusiveDriver {
  readonly name = 'exclusive.csi.example';
  readonly violations: string[] = [];
  /** Volume ID to the nodes that have it. */
  readonly attached = new Map<string, Set<string>>();
  /** Chance of a lost request or answer per call. */
  faultRate = 0;
  readonly #random: Random;
  readonly #kernel: HollowKernel;

  constructor(random: Random, kernel: HollowKernel) {
    this.#random = random;
    this.#kernel = kernel;
  }

  get driver(): Driver {
    const controller = {
      controllerPublishVolume: (request: PublishRequest) => this.#call(() => this.#publish(request)),
      controllerUnpublishVolume: (request: PublishRequest) => this.#call(() => this.#unpublish(request)),
    };
    return {
      name: this.name,
      // Only what the attacher calls: a call of anything else fails loudly.
      connection: { controller } as unknown as CsiConnection,
      pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
      controllerCapabilities: new Set(['PUBLISH_UNPUBLISH_VOLUME']),
      groupCapabilities: new Set(),
    };
  }

  #call(perform: () => object): Promise<object> {
    const isFaulty = this.#random.fraction() < this.faultRate;
    if (isFaulty && this.#random.fraction() < 0.5) {
      return Promise.reject(new CsiError('UNAVAILABLE', 'the request was lost'));
    }
    const answer = perform();
    return isFaulty
      ? Promise.reject(new CsiError('DEADLINE_EXCEEDED', 'the answer was lost'))
      : Promise.resolve(answer);
  }

  #publish({ volumeId, nodeId, volumeCapability }: PublishRequest): object {
    const on = this.attached.get(volumeId) ?? new Set();
    const isShared = volumeCapability?.accessMode?.mode?.startsWith('MULTI_NODE') === true;
    const other = [...on].find((node) => node !== nodeId);
    if (other !== undefined && !isShared) {
      this.violations.push(`I-18: "${volumeId}" is to be attached to "${nodeId}" while "${other}" has it`);
    }
    this.attached.set(volumeId, on.add(nodeId));
    return { publishContext: {} };
  }

  #unpublish({ volumeId, nodeId }: PublishRequest): object {
    const isMounted = this.#kernel.mounts(nodeId).some(({ backend }) => backend.endsWith(`^${volumeId}`));
    if (isMounted)
      this.violations.push(`I-17: "${volumeId}" is detached from "${nodeId}" that has it mounted`);
    this.attached.get(volumeId)?.delete(nodeId);
    return {};
  }
}
