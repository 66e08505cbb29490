/** Asking for secrets: on the terminal and without showing them. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { rawModes, setTerminalModes, terminalModes } from '../../runtime/sys/tty.ts'
import { complain, writeAll } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'

const LONGEST = 64 * 1024

/** One line of a terminal; ends without one at its end. */
const line = (fd: number): string => {
  const bytes: number[] = []
  const byte = Buffer.alloc(1)
  while (bytes.length < LONGEST) {
    const count = readSync(fd, byte, 0, 1, null)
    if (count === 0 || byte[0] === 0x0a) break
    bytes.push(byte[0]!)
  }
  return Buffer.from(bytes).toString().replace(/\r$/, '')
}

const openTerminal = (what: string): number => {
  try {
    return openSync('/dev/tty', 'r+')
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENOENT', 'EACCES', 'ENODEV'))
      throw new UsageError(`there is no terminal to ask for ${what} on: give it by a flag`)
    throw error
  }
}

/** What is typed is shown. */
export const askText = (prompt: string, what: string): string => {
  const fd = openTerminal(what)
  try {
    writeAll(fd, prompt)
    return line(fd)
  } finally {
    closeSync(fd)
  }
}

const INTERRUPT = 0x03
const END_OF_FILE = 0x04
const BACKSPACE = 0x08
const NEWLINE = 0x0a
const RETURN = 0x0d
const KILL = 0x15
const DELETE = 0x7f

/** One line of a terminal in raw mode, in which Ctrl-C is a letter: as a signal it would leave the terminal as it is. */
const hiddenLine = (fd: number): string => {
  let typed: number[] = []
  const byte = Buffer.alloc(1)
  while (readSync(fd, byte, 0, 1, null) === 1) {
    const letter = byte[0]!
    if (letter === INTERRUPT) throw new WherryError('cancelled', 'interrupted')
    if (letter === NEWLINE || letter === RETURN || letter === END_OF_FILE) break
    if (letter === KILL) typed = []
    else if (letter !== BACKSPACE && letter !== DELETE) typed.push(letter)
    else while (((typed.pop() ?? 0) & 0xc0) === 0x80); // a letter of several bytes goes as a whole
    if (typed.length > LONGEST) break
  }
  return Buffer.from(typed).toString()
}

/** What is typed is not shown, and the terminal is as it was afterwards. */
export const askPassword = (prompt: string): string => {
  const fd = openTerminal('a password')
  try {
    const modes = terminalModes(fd)
    if (modes === undefined) throw new UsageError('there is no terminal to ask for a password on: use --password-stdin')
    writeAll(fd, prompt)
    setTerminalModes(fd, rawModes(modes))
    try {
      return hiddenLine(fd)
    } finally {
      setTerminalModes(fd, modes)
      writeAll(fd, '\n')
    }
  } finally {
    closeSync(fd)
  }
}

/** All of stdin, without the end of its last line. */
export const passwordFromStdin = (): string => {
  const text = readFileSync(0, 'utf8')
  if (text.length > LONGEST) throw new WherryError('invalid-argument', '--password-stdin: this is too long for a password')
  if (text.trim() === '') throw new UsageError('--password-stdin: there is no password on stdin')
  return text.replace(/\r?\n$/, '')
}

export const warnOfPasswordFlag = (name: string): void =>
  complain(`${name}: warning: --password can be seen by other users of the machine: use --password-stdin\n`)
