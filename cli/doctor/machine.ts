/** This machine, for doctor: everything is looked at, nothing is changed. */
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, statfsSync } from 'node:fs'
import { release, userInfo } from 'node:os'
import { dirname } from 'node:path'
import { layout } from '../../runtime/cgroups/layout.ts'
import { openContext } from '../../runtime/rootfs/kernel.ts'
import { runNft } from '../../runtime/sys/libnftables.ts'
import { libseccomp } from '../../runtime/sys/libseccomp.ts'
import { PRJQUOTA, Q_GETINFO } from '../../runtime/sys/abi/quota.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import type { DiskFacts, Machine } from './check.ts'

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // what may not be read is as good as not there
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

const find = (program: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].map((folder) => `${folder}/${program}`).find((path) => existsSync(path))

const mayWrite = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

const cgroups: Machine['probes']['cgroups'] = () => {
  const { kind, hierarchies } = layout()
  const unified = hierarchies.get('')
  const own = unified === undefined ? undefined : `${unified.own}/cgroup.controllers`
  const ofUnified =
    own === undefined
      ? []
      : (read(own) ?? '')
          .trim()
          .split(/\s+/)
          .filter((name) => name !== '')
  const controllers =
    kind === 'v2' ? ofUnified : [...[...hierarchies.keys()].filter((name) => name !== '' && !name.startsWith('name=')), ...ofUnified]
  return { kind, controllers, writable: kind === 'v2' && unified !== undefined && mayWrite(unified.own) }
}

/** The folder itself may not be there yet. */
const nearest = (path: string): string => {
  for (let at = path; ; at = dirname(at)) if (existsSync(at) || at === '/') return at
}

/** Project quotas are accounted for: quotactl(2). */
const hasQuota = (path: string): boolean => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return trySyscall('quotactl_fd', fd, ((Q_GETINFO << 8) | PRJQUOTA) >>> 0, 0, Buffer.alloc(24)) >= 0
  } finally {
    closeSync(fd)
  }
}

const disk = (root: string): DiskFacts => {
  const path = nearest(root)
  const { type, bavail, blocks, bsize, ffree } = statfsSync(path)
  return { path, type, free: bavail * bsize, total: blocks * bsize, freeInodes: ffree, quota: hasQuota(path) }
}

const userName = (uid: number): string | undefined => {
  try {
    return userInfo().uid === uid ? userInfo().username : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined // no line in /etc/passwd
    throw error
  }
}

/** @param uid of who asks, by the machine’s ids */
export const thisMachine = ({ uid, root }: Pick<Machine, 'uid' | 'root'>): Machine => ({
  uid,
  root,
  user: userName(uid),
  release: release(),
  read,
  exists: existsSync,
  find,
  probes: {
    // a user may do it in a user namespace only, which is looked at by itself
    overlay: () => {
      if (uid === 0) closeSync(openContext())
      else if (!/\boverlay$/m.test(read('/proc/filesystems') ?? ''))
        throw new Error('the kernel does not list overlay in /proc/filesystems')
    },
    nftables: () => {
      runNft('list tables')
    },
    seccomp: () => libseccomp().version.join('.'),
    cgroups,
  },
  disk: () => disk(root),
})
