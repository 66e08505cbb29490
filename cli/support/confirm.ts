/** Questions before something is lost. */
import { readSync } from 'node:fs'
import { isatty } from 'node:tty'
import { isErrno } from '../../runtime/sys/error.ts'
import { complain } from './output.ts'
import { UsageError } from './parse.ts'

const YES = /^y(es)?$/i

/** The next line of stdin; undefined at its end. */
export const readLine = (): string | undefined => {
  const bytes: number[] = []
  const byte = Buffer.alloc(1)
  for (;;) {
    try {
      if (readSync(0, byte, 0, 1, null) === 0) return bytes.length === 0 ? undefined : Buffer.from(bytes).toString()
    } catch (error) {
      if (isErrno(error, 'EINTR')) continue
      throw error
    }
    if (byte[0] === 0x0a) return Buffer.from(bytes).toString().replace(/\r$/, '')
    bytes.push(byte[0]!)
  }
}

/** Whether the user says yes; where nobody can be asked, `flag` is what to give. */
export const confirm = (warning: string, flag: string): boolean => {
  if (!isatty(0)) throw new UsageError(`${warning.split('\n')[0]}: nobody can be asked, because stdin is no terminal: give ${flag}`)
  complain(`${warning}\nAre you sure you want to continue? [y/N] `)
  return YES.test(readLine()?.trim() ?? '')
}
