/** What is wrong with a template, and where. */
import { UsageError } from '../parse.ts'

export class TemplateError extends UsageError {
  /** @param at character of `source` that it is about, from 0 */
  constructor(source: string, at: number, problem: string) {
    const before = source.slice(0, at).split('\n')
    const place = `${before.length}:${before.at(-1)!.length + 1}`
    const line = source.split('\n')[before.length - 1]!
    super(`template ${place}: ${problem}\n  ${line}\n  ${' '.repeat(before.at(-1)!.length)}^`)
  }
}
