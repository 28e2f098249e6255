// What the operations on volumes are made from.
import type { ApiClient } from '#client/api-client.ts';
import type { Files } from '#files/files.ts';
import type { Host } from '#host/host.ts';
import type { ConfigMapSource } from '#volumes/config-map/config-map.ts';
import type { EmptyDirSource } from '#volumes/empty-dir/empty-dir.ts';
import type { HostPathSource } from '#volumes/host-path/host-path.ts';
import type { ProjectedSource } from '#volumes/projected/projected.ts';
import type { SecretSource } from '#volumes/secret/secret.ts';
import type { Tree } from '#volumes/tree.ts';
import type { LocalVolumeType } from '#volumes/volume-type.ts';
import type { NodePaths } from '../paths.ts';
import type { RecordStore } from './record-store.ts';

export interface LocalTypes {
  readonly 'empty-dir': LocalVolumeType<EmptyDirSource>;
  readonly 'host-path': LocalVolumeType<HostPathSource>;
  readonly configmap: LocalVolumeType<ConfigMapSource>;
  readonly secret: LocalVolumeType<SecretSource>;
  readonly projected: LocalVolumeType<ProjectedSource>;
  readonly 'downward-api': LocalVolumeType<ProjectedSource>;
}

export interface OperationDeps {
  readonly api: ApiClient;
  readonly host: Pick<Host, 'mounts' | 'commands'>;
  readonly files: Files;
  readonly tree: Tree;
  readonly records: RecordStore;
  readonly paths: NodePaths;
  readonly local: LocalTypes;
  readonly nodeName: string;
  readonly bootId: string;
}
