/** Files of lines that flags name: --env-file, --label-file. */
import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { errnoText } from '../../support/describe.ts'
import { bad } from './bad.ts'

/** Bytes; argv and environment together may have 2 MiB, execve(2). */
const LARGEST = 4 * 1024 * 1024

const reason = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? errnoText(error.code) : String(error)

/** The text of a file; `-` is not stdin. */
export const readText = (flag: string, file: string, cwd: string): string => {
  const path = resolve(cwd, file)
  let bytes: Buffer
  try {
    // a FIFO or a process substitution has no size
    if (statSync(path).size > LARGEST) throw bad(flag, file, `has more than ${LARGEST} bytes`)
    bytes = readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw bad(flag, file, `cannot be read: ${reason(error)}`)
    throw error
  }
  if (bytes.length > LARGEST) throw bad(flag, file, `has more than ${LARGEST} bytes`)
  if (!isUtf8(bytes)) throw bad(flag, file, 'is not text in UTF-8')
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}

export interface FileLine {
  readonly text: string
  /** From 1 on. */
  readonly number: number
}

/** Without empty lines and comments (`#`); blanks before a line do not count. */
export const readLines = (flag: string, file: string, cwd: string): readonly FileLine[] =>
  readText(flag, file, cwd)
    .split('\n')
    .map((text, index) => ({ text: text.replace(/\r$/, '').trimStart(), number: index + 1 }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'))
