// The CSI node plugins that are registered on this node now. One name has one live socket: a second registration of
// the same name is refused while the first answers.
import type { CsiConnection } from '#csi/client.ts';
import type { NodeGetInfoResponse } from '#csi/generated/csi.ts';
import type { CsiNodeDriver } from '#volumes/csi/csi-volume.ts';

export interface RegisteredDriver extends CsiNodeDriver {
  /** Name of the registration socket. */
  readonly socket: string;
  readonly connection: CsiConnection;
  readonly info: NodeGetInfoResponse;
}

export class DriverRegistry {
  readonly #drivers = new Map<string, RegisteredDriver>();
  readonly #listeners = new Set<(name: string) => void>();

  get(name: string): RegisteredDriver | undefined {
    return this.#drivers.get(name);
  }
  bySocket(socket: string): RegisteredDriver | undefined {
    return [...this.#drivers.values()].find((driver) => driver.socket === socket);
  }
  all(): readonly RegisteredDriver[] {
    return [...this.#drivers.values()];
  }
  /** Called with the driver's name after it came or went. */
  onChange(listener: (name: string) => void): void {
    this.#listeners.add(listener);
  }

  async put(driver: RegisteredDriver): Promise<void> {
    const replaced = this.#drivers.get(driver.name);
    this.#drivers.set(driver.name, driver);
    this.#tell(driver.name);
    await replaced?.connection[Symbol.asyncDispose]();
  }
  async remove(driver: RegisteredDriver): Promise<void> {
    if (this.#drivers.get(driver.name) !== driver) return;
    this.#drivers.delete(driver.name);
    this.#tell(driver.name);
    await driver.connection[Symbol.asyncDispose]();
  }
  async clear(): Promise<void> {
    for (const driver of this.#drivers.values()) await driver.connection[Symbol.asyncDispose]();
    this.#drivers.clear();
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }
}
