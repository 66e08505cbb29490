/** New file systems as detached mounts: fsopen(2), fsconfig(2), fsmount(2). */
import type { Program } from '../program/assembler.ts'
import { MESSAGE_OFFSET, MESSAGE_SIZE } from '../program/page.ts'
import type { Cell } from '../program/operand.ts'
import { superblockFlags } from '../spec/mount-attributes.ts'
import { FSCONFIG_CMD_CREATE, FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from '../sys/abi/mount.ts'

export interface FileSystemRequest {
  readonly source: string
  readonly type: string
  /** MS_*: those that are of the super block. */
  readonly flags: number
  /** Comma-separated, as mount(2) takes it. */
  readonly data: string
}

/** Super blocks that others may share are not made read-only for one mount's sake: sysfs is per network namespace, proc per pid namespace. */
const SHARED_TYPES = new Set(['proc', 'sysfs', 'mqueue', 'cgroup', 'cgroup2', 'devpts'])

/** The longest value that fsconfig(2) takes is 255 bytes. */
const LONGEST = 255

/** Data split at its commas; not at those within double quotes (`context="…"`), which go away. */
const split = (data: string): string[] => (data.match(/(?:"[^"]*"|[^,"])+/g) ?? []).map((option) => option.replaceAll('"', ''))

export const fitsFsconfig = (data: string): boolean =>
  split(data).every((option) => Buffer.byteLength(option.slice(option.indexOf('=') + 1)) <= LONGEST)

/** Makes the file system; a descriptor of its mount, which is attached nowhere yet. What the kernel says of a failure goes to the failure page. */
export const newFileSystem = (p: Program, { source, type, flags, data }: FileSystemRequest): Cell => {
  const context = p.call('fsopen', [type, FSOPEN_CLOEXEC], { name: 'context' })
  const failed = p.label()
  const created = p.label()
  const result = p.cell('result')
  const config = (command: number, key: string | number, value: string | number) =>
    p.call('fsconfig', [context, command, key, value, 0], { into: result, negative: failed })
  config(FSCONFIG_SET_STRING, 'source', source)
  if (!SHARED_TYPES.has(type)) for (const name of superblockFlags(flags)) config(FSCONFIG_SET_FLAG, name, 0)
  for (const option of split(data)) {
    const at = option.indexOf('=')
    if (at < 0) config(FSCONFIG_SET_FLAG, option, 0)
    else config(FSCONFIG_SET_STRING, option.slice(0, at), option.slice(at + 1))
  }
  config(FSCONFIG_CMD_CREATE, 0, 0)
  p.jump(created)
  p.place(failed) // the kernel's own words tell which option it was
  p.call('read', [context, p.page.plus(MESSAGE_OFFSET), MESSAGE_SIZE - 1], { negative: 'next' })
  const { during } = p
  p.during = `${during ?? ''} type=${type} data=${data}`.trim()
  p.failAs(result, 'fsconfig', [context, FSCONFIG_CMD_CREATE, 0, 0, 0])
  p.during = during
  p.place(created)
  const mount = p.call('fsmount', [context, FSMOUNT_CLOEXEC, 0], { name: type })
  p.call('close', [context])
  return mount
}
