/** runtime-spec 1.2, config.md "Process": one reader per field. */
import { InvalidField } from '../errors.ts'
import { CAPABILITIES } from '../sys/abi/capability.ts'
import { IOPRIO_CLASSES, type IoprioClass } from '../sys/abi/ioprio.ts'
import { RLIMITS, type RlimitName } from '../sys/abi/resource.ts'
import { cpuAffinity } from './cpu-list.ts'
import {
  absolutePath,
  boolean,
  id,
  integer,
  join,
  line,
  list,
  nonEmpty,
  object,
  optional,
  type Parse,
  required,
  oneOf,
  show,
  text,
  uint16,
  uint64,
} from './field.ts'
import { scheduler } from './parse-scheduler.ts'
import type { CapabilitySet, ConsoleSize, CPUAffinity, LinuxCapabilities, LinuxIOPriority, Process, Rlimit, User } from './types.ts'

const consoleSize: Parse<ConsoleSize> = (value, path) => {
  const from = object(value, path)
  return { height: required(from, path, 'height', uint16), width: required(from, path, 'width', uint16) }
}

const umask = integer(0, 0o777)

/** The spec requires uid and gid; every runtime takes a missing one for 0, and configs rely on that. */
const user: Parse<User> = (value, path) => {
  const from = object(value, path)
  return {
    uid: optional(from, path, 'uid', id) ?? 0,
    gid: optional(from, path, 'gid', id) ?? 0,
    umask: optional(from, path, 'umask', umask),
    additionalGids: optional(from, path, 'additionalGids', list(id)),
  }
}

const args: Parse<readonly string[]> = (value, path) => {
  const strings = list(text)(value, path)
  if (strings.length === 0) throw new InvalidField(path, 'must have at least one entry: the program')
  nonEmpty(strings[0], `${path}[0]`)
  return strings
}

const variable: Parse<string> = (value, path) => {
  const string = text(value, path)
  if (string.indexOf('=') < 1) throw new InvalidField(path, `must be of the form NAME=value, is ${show(string)}`)
  return string
}

const SETS: readonly CapabilitySet[] = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient']
const strings = list(text)

/** The spec wants unknown names to be warned about, not refused: an older kernel runs newer configs. */
const capabilities =
  (warn: (message: string) => void): Parse<LinuxCapabilities> =>
  (value, path) => {
    const from = object(value, path)
    const unknown = new Set<string>()
    const known = (name: string) => {
      if (Object.hasOwn(CAPABILITIES, name)) return true
      unknown.add(name)
      return false
    }
    const sets: Partial<Record<CapabilitySet, readonly string[] | undefined>> = {}
    for (const set of SETS) {
      const names = optional(from, path, set, strings)
      if (names !== undefined) sets[set] = [...new Set(names.filter(known))]
    }
    if (unknown.size > 0) warn(`${path}: ignoring unknown or unavailable capabilities: ${[...unknown].map(show).join(', ')}`)
    return sets
  }

const rlimitType = oneOf(Object.keys(RLIMITS) as RlimitName[])

const rlimit: Parse<Rlimit> = (value, path) => {
  const from = object(value, path)
  const type = required(from, path, 'type', rlimitType)
  const soft = required(from, path, 'soft', uint64)
  const hard = required(from, path, 'hard', uint64)
  if (soft > hard) throw new InvalidField(join(path, 'soft'), `must not be above hard (${hard}), is ${soft}`)
  return { type, soft, hard }
}

const rlimits: Parse<readonly Rlimit[]> = (value, path) => {
  const limits = list(rlimit)(value, path)
  const seen = new Set<string>()
  for (const [index, { type }] of limits.entries()) {
    if (seen.has(type)) throw new InvalidField(`${path}[${index}].type`, `must be there once, ${type} is there twice`)
    seen.add(type)
  }
  return limits
}

const ioClass = oneOf(Object.keys(IOPRIO_CLASSES) as IoprioClass[])
const ioLevel = integer(0, 7)

const ioPriority: Parse<LinuxIOPriority> = (value, path) => {
  const from = object(value, path)
  return { class: required(from, path, 'class', ioClass), priority: optional(from, path, 'priority', ioLevel) ?? 0 }
}

const execCPUAffinity: Parse<CPUAffinity> = (value, path) => {
  const from = object(value, path)
  return { initial: optional(from, path, 'initial', cpuAffinity), final: optional(from, path, 'final', cpuAffinity) }
}

const oomScoreAdj = integer(-1000, 1000)

/** What a config without `process` has: the spec lets it be created, though not run. Nothing else has no args. */
export const NO_PROCESS: Process = { user: { uid: 0, gid: 0 }, args: [], cwd: '/' }

/**
 * `process` of config.json, or the process.json of `exec --process`. What runtimes only warn about goes to `warn`.
 * Throws InvalidField.
 */
export const parseProcess = (value: unknown, path: string, warn: (message: string) => void): Process => {
  const from = object(value, path)
  return {
    terminal: optional(from, path, 'terminal', boolean),
    consoleSize: optional(from, path, 'consoleSize', consoleSize),
    user: optional(from, path, 'user', user) ?? { uid: 0, gid: 0 },
    args: required(from, path, 'args', args),
    env: optional(from, path, 'env', list(variable)),
    cwd: required(from, path, 'cwd', absolutePath),
    capabilities: optional(from, path, 'capabilities', capabilities(warn)),
    rlimits: optional(from, path, 'rlimits', rlimits),
    noNewPrivileges: optional(from, path, 'noNewPrivileges', boolean),
    apparmorProfile: optional(from, path, 'apparmorProfile', line),
    selinuxLabel: optional(from, path, 'selinuxLabel', line),
    oomScoreAdj: optional(from, path, 'oomScoreAdj', oomScoreAdj),
    scheduler: optional(from, path, 'scheduler', scheduler),
    ioPriority: optional(from, path, 'ioPriority', ioPriority),
    execCPUAffinity: optional(from, path, 'execCPUAffinity', execCPUAffinity),
  }
}
