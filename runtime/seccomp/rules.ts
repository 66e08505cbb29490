/** The rules of a profile, checked and in libseccomp's terms. */
import { InvalidField } from '../errors.ts'
import type { LinuxSeccomp, LinuxSeccompArg } from '../spec/types.ts'
import { SECCOMP_RET_USER_NOTIF } from '../sys/abi/seccomp.ts'
import { type Comparison, SCMP_COMPARE } from '../sys/libseccomp.ts'
import { actionValue } from './actions.ts'

/** One rule for each name; each list of comparisons is a rule of its own, and within a list all must hold. */
export interface Rule {
  readonly path: string
  readonly names: readonly string[]
  readonly action: number
  readonly alternatives: readonly (readonly Comparison[])[]
}

export const SECCOMP_OPERATORS = Object.keys(SCMP_COMPARE) as readonly LinuxSeccompArg['op'][]

const UINT64_MAX = 0xffff_ffff_ffff_ffffn

const comparison = (arg: LinuxSeccompArg, path: string): Comparison => {
  if (!(Number.isInteger(arg.index) && arg.index >= 0 && arg.index <= 5)) {
    throw new InvalidField(`${path}.index`, `${arg.index} is not within 0–5: system calls have six arguments`)
  }
  if (!Object.hasOwn(SCMP_COMPARE, arg.op)) {
    throw new InvalidField(`${path}.op`, `${JSON.stringify(arg.op)} is none of ${SECCOMP_OPERATORS.join(', ')}`)
  }
  for (const field of ['value', 'valueTwo'] as const) {
    const value = arg[field] ?? 0n
    if (value < 0n || value > UINT64_MAX) throw new InvalidField(`${path}.${field}`, `${value} is not within 0–${UINT64_MAX}`)
  }
  return { arg: arg.index, op: SCMP_COMPARE[arg.op], datum_a: arg.value, datum_b: arg.valueTwo ?? 0n }
}

/**
 * libseccomp refuses two comparisons of one argument in a rule. Profiles have them nevertheless, and runc reads such a rule as
 * one for each comparison: any of them suffices.
 */
const alternatives = (args: readonly LinuxSeccompArg[], path: string): readonly (readonly Comparison[])[] => {
  const comparisons = args.map((arg, index) => comparison(arg, `${path}.args[${index}]`))
  const repeats = new Set(comparisons.map(({ arg }) => arg)).size < comparisons.length
  return repeats ? comparisons.map((each) => [each]) : [comparisons]
}

/** Throws InvalidField. Rules whose action is the default one are left out: libseccomp refuses them, and they change nothing. */
export const readRules = (seccomp: LinuxSeccomp, defaultAction: number): Rule[] => {
  const rules: Rule[] = []
  for (const [index, { names, action, errnoRet, args }] of (seccomp.syscalls ?? []).entries()) {
    const path = `linux.seccomp.syscalls[${index}]`
    const value = actionValue(action, errnoRet, path, { action: 'action', errnoRet: 'errnoRet' })
    const rule = { path, names, action: value, alternatives: alternatives(args ?? [], path) }
    if (value !== defaultAction) rules.push(rule)
  }
  return rules
}

/** Whether any rule notifies. Throws where that cannot work: who applies the filter must write the listener's number to its parent. */
export const checkNotify = (seccomp: LinuxSeccomp): boolean => {
  if (seccomp.defaultAction === 'SCMP_ACT_NOTIFY') {
    throw new InvalidField('linux.seccomp.defaultAction', 'SCMP_ACT_NOTIFY cannot be used as default action')
  }
  let notifies = false
  for (const [index, { action, names }] of (seccomp.syscalls ?? []).entries()) {
    if (action !== 'SCMP_ACT_NOTIFY') continue
    notifies = true
    const write = names.indexOf('write')
    if (write !== -1) {
      throw new InvalidField(`linux.seccomp.syscalls[${index}].names[${write}]`, 'SCMP_ACT_NOTIFY cannot be used for the write syscall')
    }
  }
  if (notifies && seccomp.listenerPath?.startsWith('/') !== true) {
    throw new InvalidField('linux.seccomp.listenerPath', 'must be the absolute path of a unix socket where a rule has SCMP_ACT_NOTIFY')
  }
  return notifies
}

export const notifiesBy = (rule: Rule): boolean => rule.action === SECCOMP_RET_USER_NOTIF
