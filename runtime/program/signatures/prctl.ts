/** prctl(2): what its arguments are depends on the first. */
import { CAPABILITIES } from '../../sys/abi/capability.ts'
import * as prctl from '../../sys/abi/prctl.ts'
import * as seccomp from '../../sys/abi/seccomp.ts'
import { enumeration, flags, pick } from './constants.ts'
import { constant, depends, type Kind, out, type Signature, word } from './kind.ts'
import { signum } from './signals.ts'
import { string } from './text.ts'

const capability = enumeration(pick(CAPABILITIES, /^CAP_/))

/** Clearing the ambient set names no capability. */
const ambient = depends((args) => (constant(args[1]) === prctl.PR_CAP_AMBIENT_CLEAR_ALL ? word : capability))

/** Kinds of the arguments from the second on. */
const ARGUMENTS = new Map<number | undefined, readonly Kind[]>([
  [prctl.PR_SET_PDEATHSIG, [signum]],
  [prctl.PR_SET_DUMPABLE, [enumeration(pick(prctl, /^SUID_DUMP_/))]],
  [prctl.PR_SET_NAME, [string]],
  [prctl.PR_GET_NAME, [out]],
  [prctl.PR_SET_SECCOMP, [enumeration(pick(seccomp, /^SECCOMP_MODE_/))]],
  [prctl.PR_CAPBSET_READ, [capability]],
  [prctl.PR_CAPBSET_DROP, [capability]],
  [prctl.PR_SET_SECUREBITS, [flags(pick(prctl, /^SECBIT_/))]],
  [prctl.PR_CAP_AMBIENT, [enumeration(pick(prctl, /^PR_CAP_AMBIENT_/)), ambient]],
  [prctl.PR_SET_SPECULATION_CTRL, [enumeration(pick(prctl, /^PR_SPEC_(STORE|INDIRECT)_/)), flags(pick(prctl, /^PR_SPEC_(PRCTL|.*ABLE)$/))]],
  [prctl.PR_SCHED_CORE, [enumeration(pick(prctl, /^PR_SCHED_CORE_/))]],
])

const argument = (index: number): Kind => depends((args) => ARGUMENTS.get(constant(args[0]))?.[index] ?? word)

export const PRCTL: Signature = {
  op: enumeration(pick(prctl, /^PR_(?!CAP_AMBIENT_|SPEC_|SCHED_CORE_|SET_VMA_)/)),
  arg2: argument(0),
  'arg3?': argument(1),
  'arg4?': argument(2),
  'arg5?': argument(3),
}
