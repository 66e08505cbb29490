/** Id mappings of user namespaces: written directly, or by newuidmap(1) and newgidmap(1) for who may not. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { Program } from '../program/assembler.ts'
import { link } from '../program/link.ts'
import type { LinuxIDMapping } from '../spec/types.ts'
import { CLONE_NEWUSER } from '../sys/abi/sched.ts'
import { isErrno, SyscallError } from '../sys/error.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import { Channel } from './channel.ts'
import { emitPreamble } from '../init/stage.ts'
import { ask, SAYS } from '../init/sync.ts'
import { makePage } from './page-file.ts'

export interface Mappings {
  readonly uid: readonly LinuxIDMapping[]
  readonly gid: readonly LinuxIDMapping[]
}

const format = (mappings: readonly LinuxIDMapping[]): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')

/** An unprivileged process may map its own id alone without help, user_namespaces(7). */
const onlyOwn = (mappings: readonly LinuxIDMapping[], own: number): boolean =>
  mappings.length === 1 && mappings[0]!.size === 1 && mappings[0]!.hostID === own

const byHelper = async (helper: 'newuidmap' | 'newgidmap', pid: number, mappings: readonly LinuxIDMapping[]): Promise<void> => {
  const { execFileSync } = await import('node:child_process')
  const args = [String(pid), ...mappings.flatMap(({ containerID, hostID, size }) => [String(containerID), String(hostID), String(size)])]
  try {
    execFileSync(helper, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    if (isErrno(error, 'ENOENT'))
      throw new WherryError(
        'failed-precondition',
        `${helper} is not installed: mapping more than one's own id without privileges needs it (Debian: uidmap)`,
      )
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new WherryError(
      'permission-denied',
      `${helper} ${args.join(' ')}: ${said} (the ranges must be in /etc/sub${helper === 'newuidmap' ? 'uid' : 'gid'})`,
    )
  }
}

/** Bytes: user_namespaces(7) takes the lines in one write of less than a page. */
const PAGE = 4096
/** Bytes of a text that a message shows. */
const SHOWN = 200

const write = (pid: number, file: 'uid_map' | 'gid_map' | 'setgroups', text: string): void => {
  try {
    writeFileSync(`/proc/${pid}/${file}`, text)
  } catch (error) {
    if (!(error instanceof Error && 'errno' in error)) throw error
    throw new SyscallError('write', Math.abs(Number(error.errno)), {
      args: [`/proc/${pid}/${file}`, JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)],
      ...(isErrno(error, 'EINVAL') && text.length >= PAGE
        ? { hint: `the mappings are ${text.length} bytes long, the kernel takes less than a page: map fewer ranges` }
        : {}),
      cause: error,
    })
  }
}

/** Whether groups cannot be set in a user namespace whose maps this process writes: it maps its own id by itself. */
export const deniesSetgroups = ({ gid }: Mappings, privileged: boolean): boolean => !privileged && onlyOwn(gid, process.getegid!())

/** Whether groups cannot be set in the user namespace of process `pid`, user_namespaces(7) "setgroups". */
export const setgroupsDeniedFor = (pid: number): boolean => readFileSync(`/proc/${pid}/setgroups`, 'utf8').trim() === 'deny'

const readMap = (path: string): LinuxIDMapping[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [containerID = 0, hostID = 0, size = 0] = line.trim().split(/\s+/).map(Number)
      return { containerID, hostID, size }
    })

/** Those of the user namespace of process `pid`, as this process sees them. */
export const mappingsOf = (pid: number | 'self'): Mappings => ({
  uid: readMap(`/proc/${pid}/uid_map`),
  gid: readMap(`/proc/${pid}/gid_map`),
})

/** Gives the user namespace of process `pid` its maps. */
export const writeMaps = async (pid: number, mappings: Mappings, privileged: boolean): Promise<void> => {
  if (privileged) {
    write(pid, 'uid_map', format(mappings.uid))
    write(pid, 'gid_map', format(mappings.gid))
    return
  }
  if (onlyOwn(mappings.uid, process.geteuid!())) write(pid, 'uid_map', format(mappings.uid))
  else await byHelper('newuidmap', pid, mappings.uid)
  if (onlyOwn(mappings.gid, process.getegid!())) {
    write(pid, 'setgroups', 'deny')
    write(pid, 'gid_map', format(mappings.gid))
  } else await byHelper('newgidmap', pid, mappings.gid)
}

/** A descriptor of a user namespace that has these maps and no process, as mount_setattr(2) takes for an idmapped mount. */
export const userNamespace = async (mappings: Mappings, folder: string): Promise<number> => {
  const p = new Program(ARCH)
  const emit = { p, plan: { page: 1, channel: 0, end: 2 } }
  emitPreamble(emit, 'wherry:idmap')
  p.call('unshare', [CLONE_NEWUSER])
  ask(emit, SAYS.maps)
  p.exit(0)
  const channel = new Channel()
  const page = makePage()
  const executable = executableFile(link(p).elf, folder)
  try {
    const pid = posixSpawn(
      executable,
      ['wherry:idmap'],
      [
        { from: channel.theirs, to: 0 },
        { from: page, to: 1 },
      ],
    )
    channel.handOver()
    try {
      if ((await channel.receive()) !== SAYS.maps)
        throw new WherryError('permission-denied', 'no user namespace can be made: see sysctl user.max_user_namespaces')
      await writeMaps(pid, mappings, true)
      return openSync(`/proc/${pid}/ns/user`, 'r')
    } finally {
      channel.close()
      syscall('wait4', [pid, 0, 0, 0])
    }
  } finally {
    closeSync(page)
    closeSync(executable)
  }
}

/** Whether this process is in the first user namespace of the machine. */
export const inInitialUserNamespace = (): boolean => /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
