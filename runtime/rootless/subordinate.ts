/** The ranges of ids that a user may map besides the own one: subuid(5), subgid(5). */
import { readFileSync } from 'node:fs'
import { isErrno } from '../sys/error.ts'

export interface IdRange {
  readonly first: number
  readonly count: number
}

export type SubordinateFile = '/etc/subuid' | '/etc/subgid'

const HIGHEST = 2 ** 32 - 2

const isRange = ({ first, count }: IdRange): boolean =>
  Number.isSafeInteger(first) && Number.isSafeInteger(count) && count > 0 && first >= 0 && first + count - 1 <= HIGHEST

/** The ranges of the user in the text of a file, whose lines are `name:first:count` or `id:first:count`. Lines that are none are passed over. */
export const parseRanges = (text: string, name: string | undefined, id: number): IdRange[] =>
  text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter((fields) => fields.length === 3 && (fields[0] === String(id) || (name !== undefined && fields[0] === name)))
    .filter(([, first, count]) => /^\d+$/.test(first!) && /^\d+$/.test(count!))
    .map(([, first, count]) => ({ first: Number(first), count: Number(count) }))
    .filter(isRange)

/** None where there is no such file. */
export const rangesOf = (file: SubordinateFile, name: string | undefined, id: number): IdRange[] => {
  try {
    return parseRanges(readFileSync(file, 'utf8'), name, id)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return []
    throw error
  }
}
