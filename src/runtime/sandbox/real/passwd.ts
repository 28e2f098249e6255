// Users of the machine, from /etc/passwd: the container's root file system is the machine's own.
import { readFileSync } from 'node:fs';

/** Looks a user up by name or by number; undefined when the machine has no such line. */
export function lookUpUser(nameOrUid: string): { uid: number; gid: number; home: string } | undefined {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid, , home] = line.split(':');
    if (uid === undefined || gid === undefined) continue;
    if (name === nameOrUid || uid === nameOrUid) {
      return { uid: Number(uid), gid: Number(gid), home: home === undefined || home === '' ? '/' : home };
    }
  }
  return undefined;
}
