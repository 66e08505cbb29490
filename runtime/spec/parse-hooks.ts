/** runtime-spec 1.2, config.md "POSIX-platform Hooks". */
import { absolutePath, integer, list, object, optional, type Parse, required, text } from './field.ts'
import type { Hook, HookName, Hooks } from './types.ts'

/** In the order in which they run. */
export const HOOK_NAMES: readonly HookName[] = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop']

/** Seconds; above it the milliseconds do not fit into the 32 bits that timers and poll(2) have. */
const timeout = integer(1, 2_147_483)

export const hook: Parse<Hook> = (value, path) => {
  const from = object(value, path)
  return {
    path: required(from, path, 'path', absolutePath),
    args: optional(from, path, 'args', list(text)),
    env: optional(from, path, 'env', list(text)),
    timeout: optional(from, path, 'timeout', timeout),
  }
}

export const hooks: Parse<Hooks> = (value, path) => {
  const from = object(value, path)
  const parsed: Partial<Record<HookName, readonly Hook[] | undefined>> = {}
  for (const name of HOOK_NAMES) parsed[name] = optional(from, path, name, list(hook))
  return parsed
}
