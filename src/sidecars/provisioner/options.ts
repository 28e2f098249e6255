// How a provisioner behaves; the names and defaults are those of external-provisioner's flags.
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';

/** What CreateVolume is asked for besides the claim and its class. */
export interface RequestOptions {
  /** `--strict-topology` (false): a claim with a selected node asks for that node's segment alone (PRV61). */
  readonly strictTopology: boolean;
  /** `--immediate-topology` (true): a claim that binds at once says where the driver runs (PRV62). */
  readonly immediateTopology: boolean;
  /** `--extra-create-metadata` (false): the names of claim and volume are among the parameters (PRV60). */
  readonly extraCreateMetadata: boolean;
  /** `--default-fstype`; ext4 here, since a driver that is told nothing may choose anew at each mount. */
  readonly defaultFsType: string;
}

/** `--node-deployment`: one provisioner on each node, each for its own claims (PRV70 to PRV73). */
export interface NodeDeployment {
  readonly nodeName: string;
  /** `--node-deployment-immediate-binding` (true): claims that bind at once are raced for. */
  readonly immediateBinding: boolean;
  /** `--node-deployment-base-delay` and `--node-deployment-max-delay`: how long the race is delayed. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export interface ProvisionerBehaviour {
  readonly request: RequestOptions;
  readonly gates: FeatureGates;
  /** Undefined: one provisioner for the whole cluster. */
  readonly nodeDeployment: NodeDeployment | undefined;
}

export const DEFAULT_REQUEST_OPTIONS: RequestOptions = {
  strictTopology: false,
  immediateTopology: true,
  extraCreateMetadata: false,
  defaultFsType: 'ext4',
};

const DEFAULT_NODE_DEPLOYMENT = { immediateBinding: true, baseDelayMs: 20_000, maxDelayMs: 60_000 };

export interface BehaviourOptions {
  readonly request?: Partial<RequestOptions>;
  readonly gates?: FeatureGates;
  readonly nodeDeployment?: Partial<NodeDeployment> & { readonly nodeName: string };
}

/** Fills in the defaults. */
export function behaviourOf(options: BehaviourOptions): ProvisionerBehaviour {
  const { nodeDeployment } = options;
  return {
    request: { ...DEFAULT_REQUEST_OPTIONS, ...options.request },
    gates: options.gates ?? DEFAULT_GATES,
    nodeDeployment:
      nodeDeployment === undefined ? undefined : { ...DEFAULT_NODE_DEPLOYMENT, ...nodeDeployment },
  };
}
