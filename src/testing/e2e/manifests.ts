// The YAML of end-to-end tests, as a user writes it.

export const DISK_CLASS = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: disk }
provisioner: disk.holdfast.dev
volumeBindingMode: WaitForFirstConsumer
`;

export function claim(
  name: string,
  options: { readonly size?: string; readonly className?: string } = {},
): string {
  return `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name} }
spec:
  storageClassName: ${options.className ?? 'disk'}
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: ${options.size ?? '64Mi'} } }
`;
}

/** Counts in /data/lines, one number a line, for ever; the claim is mounted at /data. */
export function writer(name: string, claimName: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: busybox
      command:
        - sh
        - -c
        - |
          trap 'exit 0' TERM
          n=$(cat /data/lines 2>/dev/null | wc -l)
          echo "starts at $n"
          while :; do n=$((n + 1)); echo $n >> /data/lines; sleep 0.1; done
      volumeMounts: [{ name: data, mountPath: /data }]
  volumes: [{ name: data, persistentVolumeClaim: { claimName: ${claimName} } }]
`;
}

/** A pod without volumes that runs `script`. */
export function shell(name: string, script: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 1
  restartPolicy: Never
  containers: [{ name: main, image: busybox, command: [sh, -c, ${JSON.stringify(script)}] }]
`;
}
