/** From the runtime-spec's seccomp object to what seccomp(2) takes: a classic BPF program and flags. */
import { closeSync, fstatSync, readSync } from 'node:fs'
import { InvalidField, WherryError } from '../errors.ts'
import type { LinuxSeccomp } from '../spec/types.ts'
import { ERRNO, errnoName } from '../sys/abi/errno.ts'
import { MFD_CLOEXEC } from '../sys/abi/fcntl.ts'
import { BPF_MAXINSNS, SOCK_FILTER } from '../sys/abi/seccomp.ts'
import { type FilterContext, type Libseccomp, SCMP_FLTATR_CTL_OPTIMIZE, __NR_SCMP_ERROR, libseccomp } from '../sys/libseccomp.ts'
import { syscall } from '../sys/syscall.ts'
import { actionValue } from './actions.ts'
import { ARCHITECTURE_TOKENS, SECCOMP_ARCHITECTURES } from './architectures.ts'
import { enosysPrelude, needsEnosys } from './enosys.ts'
import { filterFlags } from './flags.ts'
import { type Rule, checkNotify, notifiesBy, readRules } from './rules.ts'

export interface CompiledSeccomp {
  /** struct sock_filter[], at most BPF_MAXINSNS of them. */
  readonly filter: Uint8Array
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number
  /** Where the descriptor that seccomp(2) returns has to go; present if and only if a rule has SCMP_ACT_NOTIFY. */
  readonly listener?: SeccompListener
}

export interface SeccompListener {
  /** Absolute path of a unix socket. */
  readonly path: string
  readonly metadata?: string
}

/** Gets a line for the debug log. */
export type Note = (message: string) => void

/** Notify, and sharing the listener with other flags, needs libseccomp's API level 6: Linux 5.7. */
const API_NOTIFY = 6
/** From here on libseccomp arranges calls as a binary tree; below it a tree gains nothing, and empty ones are built wrong by 2.5.4. */
const TREE_FROM = 33

/** What seccomp(2) needs besides the filter; all that is known without libseccomp. Throws InvalidField. */
export const seccompFrame = (seccomp: LinuxSeccomp): Omit<CompiledSeccomp, 'filter'> => {
  const notifies = checkNotify(seccomp)
  const flags = filterFlags(seccomp, notifies)
  if (!notifies) return { flags }
  const { listenerPath, listenerMetadata } = seccomp
  return { flags, listener: { path: listenerPath!, ...(listenerMetadata === undefined ? {} : { metadata: listenerMetadata }) } }
}

const addArchitectures = (library: Libseccomp, context: FilterContext, seccomp: LinuxSeccomp): Set<number> => {
  const tokens = new Set([library.seccomp_arch_native()]) // seccomp_init added it
  for (const [index, name] of (seccomp.architectures ?? []).entries()) {
    const path = `linux.seccomp.architectures[${index}]`
    if (!Object.hasOwn(ARCHITECTURE_TOKENS, name)) {
      throw new InvalidField(path, `${JSON.stringify(name)} is none of ${SECCOMP_ARCHITECTURES.join(', ')}`)
    }
    const token = ARCHITECTURE_TOKENS[name]
    if (tokens.has(token)) continue
    const error = -library.seccomp_arch_add(context, token)
    if (error === ERRNO.EDOM) throw new InvalidField(path, `${name} has another byte order than this machine: leave it out`)
    if (error === ERRNO.EINVAL)
      throw new InvalidField(path, `${name} is not known to libseccomp ${library.version.join('.')}: leave it out`)
    if (error !== 0) throw new InvalidField(path, `libseccomp cannot add ${name}: ${errnoName(error)}`)
    tokens.add(token)
  }
  return tokens
}

const addRule = (library: Libseccomp, context: FilterContext, rule: Rule, note: Note): void => {
  for (const [index, name] of rule.names.entries()) {
    const path = `${rule.path}.names[${index}]`
    if (name === '') throw new InvalidField(path, 'is empty: it must be the name of a system call')
    const number = library.seccomp_syscall_resolve_name(name)
    if (number === __NR_SCMP_ERROR) {
      note(`${path}: the system call ${JSON.stringify(name)} is not known to libseccomp ${library.version.join('.')} and left out`)
      continue
    }
    for (const comparisons of rule.alternatives) {
      const error = -library.seccomp_rule_add_array(context, rule.action, number, comparisons)
      if (error !== 0) throw new InvalidField(path, `libseccomp refuses the rule for ${name}: ${errnoName(error)}`)
    }
  }
}

/** The highest number that the profile names, on each architecture that has any of its calls. */
const highestNumbers = (library: Libseccomp, seccomp: LinuxSeccomp, tokens: ReadonlySet<number>): Map<number, number> => {
  const names = new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names))
  const highest = new Map<number, number>()
  for (const token of tokens) {
    let number = 0
    for (const name of names) number = Math.max(number, library.seccomp_syscall_resolve_name_arch(token, name))
    if (number > 0) highest.set(token, number)
  }
  return highest
}

const exported = (library: Libseccomp, context: FilterContext): Uint8Array => {
  const fd = syscall('memfd_create', ['wherry-seccomp', MFD_CLOEXEC])
  try {
    const error = -library.seccomp_export_bpf(context, fd)
    if (error !== 0) throw new WherryError('internal', `libseccomp cannot write the filter: seccomp_export_bpf: ${errnoName(error)}`)
    const bytes = Buffer.alloc(fstatSync(fd).size)
    const length = readSync(fd, bytes, 0, bytes.length, 0)
    if (length !== bytes.length || length % SOCK_FILTER.size !== 0) {
      throw new WherryError('internal', `libseccomp wrote a filter of ${bytes.length} bytes, of which ${length} were read back`)
    }
    return bytes
  } finally {
    closeSync(fd)
  }
}

/**
 * The filter alone. Throws InvalidField with the path from `linux.seccomp` on, or WherryError 'failed-precondition' where
 * libseccomp is missing. Names that no kernel has are passed over and noted, as in runc.
 */
export const compileFilter = (seccomp: LinuxSeccomp, note: Note = () => {}): Uint8Array => {
  const defaultAction = actionValue(seccomp.defaultAction, seccomp.defaultErrnoRet, 'linux.seccomp', {
    action: 'defaultAction',
    errnoRet: 'defaultErrnoRet',
  })
  const rules = readRules(seccomp, defaultAction)
  const library = libseccomp()
  const notify = rules.find(notifiesBy)
  if (notify !== undefined && library.seccomp_api_get() < API_NOTIFY) {
    throw new InvalidField(`${notify.path}.action`, 'SCMP_ACT_NOTIFY needs Linux 5.7 or newer')
  }
  const context = library.seccomp_init(defaultAction)
  if (Number(context) === 0) {
    throw new InvalidField('linux.seccomp.defaultAction', `${seccomp.defaultAction} is refused by libseccomp or this kernel`)
  }
  try {
    const tokens = addArchitectures(library, context, seccomp)
    if (rules.reduce((count, rule) => count + rule.names.length, 0) >= TREE_FROM) {
      const error = -library.seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
      if (error !== 0) throw new WherryError('internal', `libseccomp cannot optimize: seccomp_attr_set: ${errnoName(error)}`)
    }
    for (const rule of rules) addRule(library, context, rule, note)
    const filter = exported(library, context)
    const prelude = needsEnosys(defaultAction) ? enosysPrelude(highestNumbers(library, seccomp, tokens)) : new Uint8Array()
    const length = (prelude.length + filter.length) / SOCK_FILTER.size
    if (length > BPF_MAXINSNS) {
      throw new InvalidField(
        'linux.seccomp.syscalls',
        `the filter has ${length} instructions, the kernel takes ${BPF_MAXINSNS}: use fewer rules`,
      )
    }
    return Buffer.concat([prelude, filter])
  } finally {
    library.seccomp_release(context)
  }
}

/** Compiles without a cache; see compileFilter for what is thrown. */
export const compileSeccomp = (seccomp: LinuxSeccomp, note?: Note): CompiledSeccomp => {
  const frame = seccompFrame(seccomp)
  return { filter: compileFilter(seccomp, note), ...frame }
}
