/** What containers of a pod see in /etc and as /dev/shm. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname as nodeName } from 'node:os'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../../runtime/sys/abi/mount.ts'
import { isErrno, SyscallError } from '../../runtime/sys/error.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { relabel } from '../../runtime/selinux/labels.ts'
import type { DNSConfig } from '../api/api_pb.js'
import type { Sandbox } from '../state/types.ts'
import { hasNodeIpc } from './namespace-modes.ts'
import type { SandboxPlaces } from './places.ts'
import { mountLabelOf } from './selinux.ts'

const SHM_OPTIONS = 'mode=1777,size=65536k'

/** resolv.conf(5); undefined: the node's. */
const resolvConf = (dns: DNSConfig | undefined): string | undefined => {
  const { servers = [], searches = [], options = [] } = dns ?? {}
  if (servers.length + searches.length + options.length === 0) return undefined
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n')
}

const LOCALHOST = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n'

const writeOrCopy = (path: string, text: string | undefined, nodes: string, otherwise: string): void => {
  if (text !== undefined) {
    writeFileSync(path, text, { mode: 0o644 })
    return
  }
  try {
    copyFileSync(nodes, path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    writeFileSync(path, otherwise, { mode: 0o644 })
  }
}

/** They are the pod's: kubelet mounts a hosts file of its own over ours. */
export const makeFiles = (places: SandboxPlaces, { id, config }: Pick<Sandbox, 'id' | 'config'>): void => {
  writeOrCopy(places.resolvConf, resolvConf(config.dnsConfig), '/etc/resolv.conf', '')
  writeFileSync(places.hostname, `${config.hostname === '' ? nodeName() : config.hostname}\n`, { mode: 0o644 })
  writeOrCopy(places.hosts, undefined, '/etc/hosts', LOCALHOST)
  const label = mountLabelOf({ id, config })
  if (label !== undefined) for (const path of [places.resolvConf, places.hostname, places.hosts]) relabel(path, label, 'private')
}

/** On the node's mount table: all containers of the pod bind it, those that come after a restart of the server too. */
export const mountShm = ({ shm }: SandboxPlaces, sandbox: Pick<Sandbox, 'id' | 'config'>): void => {
  if (hasNodeIpc(sandbox.config)) return
  const label = mountLabelOf(sandbox)
  const options = label === undefined ? SHM_OPTIONS : `${SHM_OPTIONS},context="${label}"`
  mkdirSync(shm, { mode: 0o755 })
  syscall('mount', ['shm', shm, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, options], {
    args: ['src=shm', `dst=${shm}`, 'type=tmpfs', options],
  })
}

/** Idempotent. Containers that still have it keep it. */
export const unmountShm = ({ shm }: SandboxPlaces): void => {
  const result = trySyscall('umount2', shm, MNT_DETACH)
  if (result < 0 && result !== -ERRNO.EINVAL && result !== -ERRNO.ENOENT)
    throw new SyscallError('umount2', -result, { args: [shm, 'MNT_DETACH'] })
}
