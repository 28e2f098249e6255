// The CRI ImageService of the sandbox: images are not used, so every reference is "present" and stands for itself.
// That lets a caller go on to create the container, which is where a container that needs an image is refused.
import type { Sparse } from '../cri-client.ts';
import { GrpcError } from '#transport/grpc.ts';
import type { Image, ImageServiceMethods, ImageSpec } from '../generated/cri.ts';

type Handler<M extends keyof ImageServiceMethods> = (
  request: ImageServiceMethods[M]['request'],
) => Promise<Sparse<ImageServiceMethods[M]['response']>>;

export type ImageHandlers = {
  readonly [M in Exclude<keyof ImageServiceMethods, 'streamImages'>]: Handler<M>;
};

/** The handlers, ready to be served. */
export function imageHandlers(): ImageHandlers {
  return {
    listImages: async () => ({ images: [] }),
    imageStatus: async ({ image }) => ({
      image: imageOf(image),
      info: { notice: 'images are not used by the sandbox' },
    }),
    pullImage: async ({ image }) => ({ imageRef: imageOf(image).id }),
    removeImage: async () => ({}),
    imageFsInfo: async () => ({ imageFilesystems: [], containerFilesystems: [] }),
  };
}

function imageOf(spec: ImageSpec | null): Image {
  if (spec === null || spec.image === '') {
    throw new GrpcError('INVALID_ARGUMENT', 'Cannot answer for an image: its reference is empty');
  }
  return {
    id: spec.image,
    repoTags: [spec.image],
    repoDigests: [],
    size: '0',
    uid: null,
    username: '',
    spec,
    pinned: false,
  };
}
