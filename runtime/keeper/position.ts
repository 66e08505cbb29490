/** A place in a spool: between two records, or at the end. */
import { WherryError } from '../errors.ts'

export interface Position {
  /** The spool's own number: one that was removed and made again has another. */
  readonly id: bigint
  /** The file's. */
  readonly sequence: bigint
  /** In the file. */
  readonly offset: number
}

/** `6bfb47aefb2c46d1.12.4711`, to be kept in a file. */
export const formatPosition = ({ id, sequence, offset }: Position): string => `${id.toString(16).padStart(16, '0')}.${sequence}.${offset}`

export const parsePosition = (text: string): Position => {
  const match = /^([0-9a-f]{16})\.(\d{1,19})\.(\d{1,15})$/.exec(text)
  if (match === null) throw new WherryError('invalid-argument', `${JSON.stringify(text)} is no position in a spool: ID.SEQUENCE.OFFSET is`)
  return { id: BigInt(`0x${match[1]}`), sequence: BigInt(match[2]!), offset: Number(match[3]) }
}
