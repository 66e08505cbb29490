import { WherryError } from '../../../runtime/errors.ts'

/** The archive breaks the rules of tar, or of layers. */
export const malformed = (problem: string): WherryError => new WherryError('invalid-argument', `layer: ${problem}`)
