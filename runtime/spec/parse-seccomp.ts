/** runtime-spec 1.2, config-linux.md "Seccomp". */
import { InvalidField } from '../errors.ts'
import { integer, join, list, nonEmpty, object, oneOf, optional, type Parse, required, show, text, uint64, wrong } from './field.ts'
import type {
  LinuxSeccomp,
  LinuxSeccompAction,
  LinuxSeccompArch,
  LinuxSeccompArg,
  LinuxSeccompFlag,
  LinuxSeccompOperator,
  LinuxSyscall,
} from './types.ts'

export const SECCOMP_ACTIONS: readonly LinuxSeccompAction[] = [
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_TRAP',
]

export const SECCOMP_OPERATORS: readonly LinuxSeccompOperator[] = [
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_LE',
  'SCMP_CMP_LT',
  'SCMP_CMP_MASKED_EQ',
  'SCMP_CMP_NE',
]

export const SECCOMP_ARCHS: readonly LinuxSeccompArch[] = [
  'SCMP_ARCH_AARCH64',
  'SCMP_ARCH_ARM',
  'SCMP_ARCH_LOONGARCH64',
  'SCMP_ARCH_M68K',
  'SCMP_ARCH_MIPS',
  'SCMP_ARCH_MIPS64',
  'SCMP_ARCH_MIPS64N32',
  'SCMP_ARCH_MIPSEL',
  'SCMP_ARCH_MIPSEL64',
  'SCMP_ARCH_MIPSEL64N32',
  'SCMP_ARCH_PARISC',
  'SCMP_ARCH_PARISC64',
  'SCMP_ARCH_PPC',
  'SCMP_ARCH_PPC64',
  'SCMP_ARCH_PPC64LE',
  'SCMP_ARCH_RISCV64',
  'SCMP_ARCH_S390',
  'SCMP_ARCH_S390X',
  'SCMP_ARCH_SH',
  'SCMP_ARCH_SHEB',
  'SCMP_ARCH_X32',
  'SCMP_ARCH_X86',
  'SCMP_ARCH_X86_64',
]

export const SECCOMP_FLAGS: readonly LinuxSeccompFlag[] = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
]

const action = oneOf(SECCOMP_ACTIONS)
const operator = oneOf(SECCOMP_OPERATORS)
const arch = oneOf(SECCOMP_ARCHS)
const flag = oneOf(SECCOMP_FLAGS)

const index = integer(0, 5)

const argument: Parse<LinuxSeccompArg> = (value, path) => {
  const from = object(value, path)
  return {
    index: required(from, path, 'index', index),
    value: required(from, path, 'value', uint64),
    valueTwo: optional(from, path, 'valueTwo', uint64),
    op: required(from, path, 'op', operator),
  }
}

/** MAX_ERRNO, which the kernel cuts to, and SECCOMP_RET_DATA. */
const errno = integer(0, 4095)
const traceData = integer(0, 0xffff)

const errnoOf =
  (action: LinuxSeccompAction): Parse<number> =>
  (value, path) => {
    if (action === 'SCMP_ACT_ERRNO') return errno(value, path)
    if (action === 'SCMP_ACT_TRACE') return traceData(value, path)
    throw new InvalidField(path, `is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, the action is ${action}`)
  }

/** Our own process needs it after the filter is in place, to hand the notify descriptor over. */
const UNNOTIFIABLE = 'write'

const syscall: Parse<LinuxSyscall> = (value, path) => {
  const from = object(value, path)
  const names = required(from, path, 'names', list(nonEmpty))
  const kind = required(from, path, 'action', action)
  if (names.length === 0) throw new InvalidField(join(path, 'names'), 'must have at least one entry')
  if (kind === 'SCMP_ACT_NOTIFY' && names.includes(UNNOTIFIABLE))
    throw new InvalidField(
      `${path}.names[${names.indexOf(UNNOTIFIABLE)}]`,
      `SCMP_ACT_NOTIFY cannot be used for the ${UNNOTIFIABLE} syscall: a container could not start`,
    )
  return {
    names,
    action: kind,
    errnoRet: optional(from, path, 'errnoRet', errnoOf(kind)),
    args: optional(from, path, 'args', list(argument)),
  }
}

/** sun_path of unix(7), with its NUL. */
const SUN_PATH = 108

const checkListener = ({ listenerPath, listenerMetadata, syscalls }: LinuxSeccomp, path: string): void => {
  const at = join(path, 'listenerPath')
  if (syscalls?.some(({ action }) => action === 'SCMP_ACT_NOTIFY')) {
    if (listenerPath === undefined || listenerPath[0] !== '/')
      throw wrong(at, 'the absolute path of a unix socket, because SCMP_ACT_NOTIFY is used', listenerPath)
    if (Buffer.byteLength(listenerPath) >= SUN_PATH)
      throw new InvalidField(at, `must be shorter than ${SUN_PATH} bytes, is ${show(listenerPath)}`)
  }
  if (listenerPath === undefined && listenerMetadata !== undefined)
    throw new InvalidField(join(path, 'listenerMetadata'), 'must not be there without listenerPath')
}

/** Undefined for a profile that is there and says nothing, as runc has it: neither defaultAction nor syscalls. */
export const seccomp: Parse<LinuxSeccomp | undefined> = (value, path) => {
  const from = object(value, path)
  const syscalls = optional(from, path, 'syscalls', list(syscall))
  if (!from['defaultAction'] && !syscalls?.length) return undefined
  const defaultAction = required(from, path, 'defaultAction', action)
  if (defaultAction === 'SCMP_ACT_NOTIFY')
    throw new InvalidField(join(path, 'defaultAction'), 'SCMP_ACT_NOTIFY cannot be used as default action: a container could not start')
  const parsed: LinuxSeccomp = {
    defaultAction,
    defaultErrnoRet: optional(from, path, 'defaultErrnoRet', errnoOf(defaultAction)),
    architectures: optional(from, path, 'architectures', list(arch)),
    flags: optional(from, path, 'flags', list(flag)),
    listenerPath: optional(from, path, 'listenerPath', text),
    listenerMetadata: optional(from, path, 'listenerMetadata', text),
    syscalls,
  }
  checkListener(parsed, path)
  return parsed
}
