/** YAML 1.2's core schema: plain data as JSON has it. Loaded where there is such a file only. */
import { parse, YAMLError } from 'yaml'

/** Throws SyntaxError, in one line. References that multiply are limited. */
export const parseYaml = (text: string): unknown => {
  try {
    return parse(text, { schema: 'core', prettyErrors: false, logLevel: 'error' })
  } catch (error) {
    if (error instanceof YAMLError || error instanceof ReferenceError) throw new SyntaxError(error.message, { cause: error })
    throw error
  }
}
