/**
 * fstab-style mount options: runtime-spec 1.2, config.md "Linux mount options"; mount(8). One table, read forwards to parse and backwards
 * for messages. What is in no table belongs to the file system and is passed on to it.
 */
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_DIRSYNC,
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from '../sys/abi/mount.ts'

/** `clear` takes the flags away instead of setting them. */
interface Row {
  readonly name: string
  readonly clear: boolean
  readonly flags: number
}

const sets = (name: string, flags: number): Row => ({ name, clear: false, flags })
const clears = (name: string, flags: number): Row => ({ name, clear: true, flags })

/** MS_*, mount(2). */
const FLAGS: readonly Row[] = [
  sets('defaults', 0),
  sets('ro', MS_RDONLY),
  clears('rw', MS_RDONLY),
  sets('nosuid', MS_NOSUID),
  clears('suid', MS_NOSUID),
  sets('nodev', MS_NODEV),
  clears('dev', MS_NODEV),
  sets('noexec', MS_NOEXEC),
  clears('exec', MS_NOEXEC),
  sets('sync', MS_SYNCHRONOUS),
  clears('async', MS_SYNCHRONOUS),
  sets('dirsync', MS_DIRSYNC),
  sets('remount', MS_REMOUNT),
  sets('mand', MS_MANDLOCK),
  clears('nomand', MS_MANDLOCK),
  sets('nosymfollow', MS_NOSYMFOLLOW),
  clears('symfollow', MS_NOSYMFOLLOW),
  sets('noatime', MS_NOATIME),
  clears('atime', MS_NOATIME),
  sets('nodiratime', MS_NODIRATIME),
  clears('diratime', MS_NODIRATIME),
  sets('relatime', MS_RELATIME),
  clears('norelatime', MS_RELATIME),
  sets('strictatime', MS_STRICTATIME),
  clears('nostrictatime', MS_STRICTATIME),
  sets('rbind', MS_BIND | MS_REC),
  sets('bind', MS_BIND),
  sets('silent', MS_SILENT),
  clears('loud', MS_SILENT),
  sets('iversion', MS_I_VERSION),
  clears('noiversion', MS_I_VERSION),
  sets('lazytime', MS_LAZYTIME),
  clears('nolazytime', MS_LAZYTIME),
]

/** MS_* of a mount(2) call of its own. */
const PROPAGATION: readonly Row[] = [
  sets('private', MS_PRIVATE),
  sets('rprivate', MS_PRIVATE | MS_REC),
  sets('slave', MS_SLAVE),
  sets('rslave', MS_SLAVE | MS_REC),
  sets('shared', MS_SHARED),
  sets('rshared', MS_SHARED | MS_REC),
  sets('unbindable', MS_UNBINDABLE),
  sets('runbindable', MS_UNBINDABLE | MS_REC),
]

/** MOUNT_ATTR_* of mount_setattr(2) with AT_RECURSIVE. */
const RECURSIVE: readonly Row[] = [
  sets('rro', MOUNT_ATTR_RDONLY),
  clears('rrw', MOUNT_ATTR_RDONLY),
  sets('rnosuid', MOUNT_ATTR_NOSUID),
  clears('rsuid', MOUNT_ATTR_NOSUID),
  sets('rnodev', MOUNT_ATTR_NODEV),
  clears('rdev', MOUNT_ATTR_NODEV),
  sets('rnoexec', MOUNT_ATTR_NOEXEC),
  clears('rexec', MOUNT_ATTR_NOEXEC),
  sets('rnodiratime', MOUNT_ATTR_NODIRATIME),
  clears('rdiratime', MOUNT_ATTR_NODIRATIME),
  sets('rrelatime', MOUNT_ATTR_RELATIME),
  clears('rnorelatime', MOUNT_ATTR_RELATIME),
  sets('rnoatime', MOUNT_ATTR_NOATIME),
  clears('ratime', MOUNT_ATTR_NOATIME),
  sets('rstrictatime', MOUNT_ATTR_STRICTATIME),
  clears('rnostrictatime', MOUNT_ATTR_STRICTATIME),
  sets('rnosymfollow', MOUNT_ATTR_NOSYMFOLLOW),
  clears('rsymfollow', MOUNT_ATTR_NOSYMFOLLOW),
]

const IDMAP = ['idmap', 'ridmap'] as const
const TMPCOPYUP = 'tmpcopyup'

/** MOUNT_ATTR_* for mount_setattr(2). */
export interface MountAttributes {
  readonly set: number
  readonly clear: number
}

export interface MountOptions {
  /** MS_*, without the propagation. */
  readonly flags: number
  /** MS_* that an option took away (`rw`, `exec`): on a bind mount they are not inherited from the source. */
  readonly cleared: number
  /** Of this mount and all below it: `rro`, `rnoexec`. Undefined if no option asks for it. */
  readonly recursive: MountAttributes | undefined
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE each, with MS_REC or without; to be applied one after the other. */
  readonly propagation: readonly number[]
  /** Options for the file system, in their order: `size=65536k`. Joined with commas they are mount(2)'s data. */
  readonly data: readonly string[]
  /** The mount's ids are mapped: this mount alone, or all below it too. */
  readonly idmap: (typeof IDMAP)[number] | undefined
  /** The tmpfs starts with a copy of what it covers. */
  readonly tmpcopyup: boolean
}

type Apply = (to: Draft, row: Row) => void

interface Draft {
  flags: number
  cleared: number
  set: number
  clear: number
  recursive: boolean
  propagation: number[]
  data: string[]
  idmap: MountOptions['idmap']
  tmpcopyup: boolean
}

/** The three access time settings are alternatives, in spite of having a flag each. */
const MS_ATIME = MS_NOATIME | MS_STRICTATIME | MS_RELATIME

const applyFlags: Apply = (to, { clear, flags }) => {
  if (clear) {
    to.flags &= ~flags
    to.cleared |= flags
  } else {
    if (flags & MS_ATIME) to.flags &= ~MS_ATIME
    to.flags |= flags
    to.cleared &= ~flags
  }
}

/** Here they are one field, whose value for relatime is 0, and which has to be cleared to be set: mount_setattr(2). */
const applyRecursive: Apply = (to, { clear, flags }) => {
  to.recursive = true
  const mask = (flags & MOUNT_ATTR__ATIME) === flags ? MOUNT_ATTR__ATIME : flags
  to.set &= clear ? ~flags : ~mask
  to.clear &= ~mask
  if (!clear) to.set |= flags
  if (clear || mask === MOUNT_ATTR__ATIME) to.clear |= mask
}

const applyPropagation: Apply = (to, { flags }) => {
  to.propagation.push(flags)
}

const OPTIONS = new Map<string, readonly [Apply, Row]>(
  (
    [
      [applyFlags, FLAGS],
      [applyRecursive, RECURSIVE],
      [applyPropagation, PROPAGATION],
    ] as const
  ).flatMap(([apply, rows]) => rows.map((row) => [row.name, [apply, row]] as const)),
)

/** What `options` ask for; of options that contradict each other the last one counts. */
export const parseMountOptions = (options: readonly string[]): MountOptions => {
  const draft: Draft = {
    flags: 0,
    cleared: 0,
    set: 0,
    clear: 0,
    recursive: false,
    propagation: [],
    data: [],
    idmap: undefined,
    tmpcopyup: false,
  }
  for (const option of options) {
    const known = OPTIONS.get(option)
    if (known !== undefined) known[0](draft, known[1])
    else if (option === TMPCOPYUP) draft.tmpcopyup = true
    else if (option === 'idmap' || option === 'ridmap') draft.idmap = option
    else draft.data.push(option)
  }
  const { flags, cleared, set, clear, recursive, propagation, data, idmap, tmpcopyup } = draft
  return { flags, cleared, recursive: recursive ? { set, clear } : undefined, propagation, data, idmap, tmpcopyup }
}

/** Whether an option is passed on to the file system. */
export const isFilesystemOption = (option: string): boolean =>
  !OPTIONS.has(option) && option !== TMPCOPYUP && option !== 'idmap' && option !== 'ridmap'

/** Names of mount(2) flags as options: `ro,nosuid` for MS_RDONLY | MS_NOSUID; bits without a name in hexadecimal. */
export const mountFlagNames = (flags: number): string => {
  const names: string[] = []
  let rest = flags
  for (const row of [...FLAGS, ...PROPAGATION.toReversed()])
    if (!row.clear && row.flags !== 0 && (rest & row.flags) === row.flags) {
      names.push(row.name)
      rest &= ~row.flags
    }
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`)
  return names.join(',')
}

/** For the features document, sorted. */
export const knownMountOptions = (): readonly string[] => [...OPTIONS.keys(), TMPCOPYUP, ...IDMAP].sort()
