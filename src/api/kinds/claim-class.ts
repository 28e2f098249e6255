// The class annotation that came before spec.storageClassName and still wins where it is present.
export const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
