/** linux.sysctl: only what belongs to a namespace of the container may be set; everything else would change the host. */
import { InvalidField } from '../errors.ts'
import { entryPath, line, object, type Parse, show } from './field.ts'
import type { LinuxNamespaceType } from './types.ts'

/** Of the ipc namespace, ipc_namespaces(7). */
const IPC = new Set(['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map((name) => `kernel/${name}`))

/**
 * Path below /proc/sys. The first separator of a key decides what it is, sysctl(8): where it is a dot, a slash stands for a dot within a
 * name (`net.ipv4.conf.eth0/1.forwarding`), else the key is a path already.
 */
const sysctlPath = (key: string, path: string): string => {
  const first = key.search(/[./]/)
  const file = first !== -1 && key[first] === '.' ? key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.')) : key
  if (file.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new InvalidField(path, 'must be named like net.ipv4.ip_forward or net/ipv4/ip_forward, without empty parts, . and ..')
  return file
}

/** Why `file` may not be set; undefined if it may. */
const refusal = (file: string, has: (type: LinuxNamespaceType) => boolean): string | undefined => {
  if (IPC.has(file) || file.startsWith('fs/mqueue/'))
    return has('ipc') ? undefined : 'is not allowed in the host\'s ipc namespace: add {"type": "ipc"} to linux.namespaces'
  if (file.startsWith('net/'))
    return has('network') ? undefined : 'is not allowed in the host\'s network namespace: add {"type": "network"} to linux.namespaces'
  if (file === 'kernel/hostname') return 'is not allowed, it would contradict the field hostname'
  if (file === 'kernel/domainname' && has('uts')) return undefined
  return 'is not in a separate kernel namespace: allowed are net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm* and kernel.domainname'
}

/** Reads linux.sysctl; `has` tells which namespaces are not the host's. */
export const sysctl =
  (has: (type: LinuxNamespaceType) => boolean): Parse<Readonly<Record<string, string>>> =>
  (value, path) => {
    const parsed: [string, string][] = []
    const seen = new Set<string>()
    for (const [key, setting] of Object.entries(object(value, path))) {
      const at = entryPath(path, key)
      const file = sysctlPath(line(key, at), at)
      const why = refusal(file, has)
      if (why !== undefined) throw new InvalidField(at, why)
      if (seen.has(file)) throw new InvalidField(at, `must be there once, ${show(file)} is there twice`)
      seen.add(file)
      parsed.push([file, line(setting, at)])
    }
    return Object.fromEntries(parsed)
  }
