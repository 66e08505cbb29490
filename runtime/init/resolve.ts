/**
 * Paths inside the container's root. Every one of them is hostile: it is resolved beneath the root by openat2(2), which lets
 * no link and no `..` lead outside, to a descriptor; what happens then happens to the descriptor.
 */
import type { Program } from '../program/assembler.ts'
import type { Label, Next } from '../program/op.ts'
import type { Cell, Operand } from '../program/operand.ts'
import type { ErrnoName } from '../sys/abi/errno.ts'
import {
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  OPEN_HOW,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../sys/abi/fcntl.ts'
import { S_IFMT, STATX, STATX_TYPE } from '../sys/abi/stat.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'

/** `/a//b/` is `a/b`; the root is `.`. */
export const relative = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/') || '.'

export interface OpenOptions {
  /** O_PATH | O_CLOEXEC where nothing is said. */
  readonly flags?: number
  readonly mode?: number
  readonly tolerate?: Readonly<Partial<Record<ErrnoName, Label>>>
  readonly positive?: Next
  readonly into?: Cell
  /** False: a symbolic link anywhere in the path is an error (ELOOP). */
  readonly links?: boolean
  /** False: the path has no `..` by way of a link, for whose sake a resolution may have to be repeated (EAGAIN). */
  readonly retry?: boolean
  readonly during?: string
  readonly name?: string
}

/** Opens `path` beneath `root`. A rename by somebody else in the middle (EAGAIN) is tried again. */
export const openInRoot = (
  p: Program,
  root: Operand,
  path: string | Cell,
  { flags = O_PATH | O_CLOEXEC, mode = 0, tolerate = {}, links = true, retry = true, ...options }: OpenOptions = {},
): Cell => {
  const again = p.label()
  p.place(again)
  const how = p.words([flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (links ? 0 : RESOLVE_NO_SYMLINKS)])
  const target = typeof path === 'string' ? relative(path) : path
  return p.call('openat2', [root, target, how, OPEN_HOW.size], { tolerate: retry ? { EAGAIN: again, ...tolerate } : tolerate, ...options })
}

/**
 * A descriptor (O_PATH) of `path` beneath `root`; folders that are missing on the way are made with mode 0755, the last
 * component as a folder or as an empty file. What is made is made at `target`, the path with the image's links followed.
 * What is `expected` to be there is not made.
 */
export const makeInRoot = (
  p: Program,
  root: Operand,
  path: string,
  kind: 'directory' | 'file',
  {
    name = 'target',
    target: place = path,
    links = true,
    during,
    expected = false,
  }: { name?: string; target?: string; links?: boolean; during?: string; expected?: boolean } = {},
): Cell => {
  if (expected) return openInRoot(p, root, path, { name, links, ...(during === undefined ? {} : { during }) })
  const target = p.cell(name)
  const missing = p.label()
  const done = p.label()
  openInRoot(p, root, path, {
    into: target,
    links,
    ...(during === undefined ? {} : { during }),
    tolerate: { ENOENT: missing },
    positive: done,
  })
  p.place(missing)
  const parts = relative(place).split('/')
  let folder: Operand = root
  for (const [index, part] of parts.entries()) {
    const prefix = parts.slice(0, index + 1).join('/')
    const last = index === parts.length - 1
    const absent = p.label()
    const there = p.label()
    const next = p.cell(last ? name : 'folder')
    openInRoot(p, root, prefix, { into: next, links, tolerate: { ENOENT: absent }, positive: there })
    p.place(absent)
    if (last && kind === 'file') {
      const file = p.call('openat', [folder, part, O_CREAT | O_EXCL | O_NOFOLLOW[p.arch] | O_CLOEXEC, 0o644], { tolerate: ['EEXIST'] })
      const none = p.label()
      p.compare(file, 0, { mask: 1n << 63n, otherwise: none })
      p.call('close', [file])
      p.place(none)
    } else p.call('mkdirat', [folder, part, 0o755], { tolerate: ['EEXIST'] })
    openInRoot(p, root, prefix, { into: next, links, ...(last ? {} : { flags: O_PATH | O_CLOEXEC | O_DIRECTORY[p.arch] }) })
    p.place(there)
    if (last) p.copy(next, target)
    folder = next
  }
  p.place(done)
  return target
}

/** The folder that `path` lies in, made if missing, and the last component. */
export const parentInRoot = (p: Program, root: Operand, path: string): { folder: Operand; base: string } => {
  const parts = relative(path).split('/')
  const base = parts.pop()!
  return { folder: parts.length === 0 ? root : makeInRoot(p, root, parts.join('/'), 'directory', { name: 'folder' }), base }
}

/** Goes on at a label by the type of what `fd` is (S_IFDIR …). */
export const branchOnType = (p: Program, fd: Operand, type: number, branches: { equal?: Next; otherwise?: Next }): void => {
  const statx = p.buffer(STATX.size)
  p.call('statx', [fd, '', AT_EMPTY_PATH, STATX_TYPE, statx])
  p.compare(statx.plus(STATX.stx_mode), type, { mask: S_IFMT, ...branches })
}
