/** mount_setattr(2). */
import type { Program } from '../program/assembler.ts'
import type { Operand } from '../program/operand.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import { AT_RECURSIVE, MOUNT_ATTR_SIZE_VER0 } from '../sys/abi/mount.ts'

/** On a mount given by descriptor. */
export const setAttributes = (
  p: Program,
  fd: Operand,
  {
    set = 0,
    clear = 0,
    propagation = 0,
    userns = 0,
    recursive = false,
  }: { set?: number; clear?: number; propagation?: number; userns?: number; recursive?: boolean },
): void => {
  if (set === 0 && clear === 0 && propagation === 0) return
  p.call('mount_setattr', [
    fd,
    '',
    AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
    p.words([set, clear, propagation, userns]),
    MOUNT_ATTR_SIZE_VER0,
  ])
}
