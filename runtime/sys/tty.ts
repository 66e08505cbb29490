/** Terminals by their ioctls, ioctl_tty(2) and termios(3): node:tty knows neither the sizes nor the modes that are needed here. */
import { ERRNO } from './abi/errno.ts'
import { ECHO, ICANON, ICRNL, ISIG, OPOST, TCGETS, TCSETS, TERMIOS, TIOCGWINSZ, TIOCSWINSZ, VMIN, VTIME, WINSIZE } from './abi/ioctl.ts'
import { syscall, trySyscall } from './syscall.ts'

// asm-generic/termbits.h: what cfmakeraw(3) clears and sets
const IGNBRK = 0x1
const BRKINT = 0x2
const PARMRK = 0x8
const ISTRIP = 0x20
const INLCR = 0x40
const IGNCR = 0x80
const IXON = 0x400
const CSIZE = 0x30
const CS8 = 0x30
const PARENB = 0x100
const ECHONL = 0x40
const IEXTEN = 0x8000

/** struct termios of the kernel. */
export type Modes = Uint8Array

/** The modes of a terminal; undefined where `fd` is none. */
export const terminalModes = (fd: number): Modes | undefined => {
  const modes = Buffer.alloc(TERMIOS.size)
  const result = trySyscall('ioctl', fd, TCGETS, modes)
  if (result >= 0) return modes
  if (result === -ERRNO.EINTR) return terminalModes(fd)
  return undefined
}

export const setTerminalModes = (fd: number, modes: Modes): void => {
  syscall('ioctl', [fd, TCSETS, modes], { args: [`fd=${fd}`, 'TCSETS'] })
}

const change = (modes: Modes, field: number, clear: number, set: number): void => {
  const view = new DataView(modes.buffer, modes.byteOffset, modes.byteLength)
  view.setUint32(field, (view.getUint32(field, true) & ~clear) | set, true)
}

/** As cfmakeraw(3). @param output `processed`: newlines are mapped by this terminal, because the one that is shown on it does not */
export const rawModes = (modes: Modes, output: 'processed' | 'raw' = 'processed'): Modes => {
  const raw = Uint8Array.from(modes)
  change(raw, TERMIOS.c_iflag, IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON, 0)
  change(raw, TERMIOS.c_oflag, output === 'raw' ? OPOST : 0, output === 'raw' ? 0 : OPOST)
  change(raw, TERMIOS.c_cflag, CSIZE | PARENB, CS8)
  change(raw, TERMIOS.c_lflag, ECHO | ECHONL | ICANON | ISIG | IEXTEN, 0)
  raw[TERMIOS.c_cc + VMIN] = 1
  raw[TERMIOS.c_cc + VTIME] = 0
  return raw
}

/** Gives the terminal `to` the size that `from` has; does nothing where one of them is gone or no terminal. */
export const copyWindowSize = (from: number, to: number): void => {
  const size = Buffer.alloc(WINSIZE.size)
  if (trySyscall('ioctl', from, TIOCGWINSZ, size) >= 0) trySyscall('ioctl', to, TIOCSWINSZ, size)
}
