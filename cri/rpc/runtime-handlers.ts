/** What a pod may choose to be run by (RuntimeClass.handler): there is one, with its name and without. */
import { InvalidField } from '../../runtime/errors.ts'

export const RUNTIME_HANDLERS = ['', 'wherry'] as const

/** Throws `invalid-argument` for one that there is not. @param field for the message */
export const checkRuntimeHandler = (name: string, field = 'runtime_handler'): void => {
  if (!(RUNTIME_HANDLERS as readonly string[]).includes(name))
    throw new InvalidField(field, `there is no runtime handler ${JSON.stringify(name)}: leave it empty, or write "wherry"`)
}
