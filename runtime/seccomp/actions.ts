/** What a filter answers: the runtime-spec's actions as the kernel's 32-bit return values, seccomp(2). */
import { InvalidField } from '../errors.ts'
import type { LinuxSeccompAction } from '../spec/types.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import {
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_DATA,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
} from '../sys/abi/seccomp.ts'

const RETURNS: Readonly<Record<LinuxSeccompAction, number>> = {
  SCMP_ACT_KILL: SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_TRAP: SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: SECCOMP_RET_ERRNO,
  SCMP_ACT_TRACE: SECCOMP_RET_TRACE,
  SCMP_ACT_ALLOW: SECCOMP_RET_ALLOW,
  SCMP_ACT_LOG: SECCOMP_RET_LOG,
  SCMP_ACT_NOTIFY: SECCOMP_RET_USER_NOTIF,
}

export const SECCOMP_ACTIONS = Object.keys(RETURNS) as readonly LinuxSeccompAction[]

/** `path` is that of the object with the action, `fields` what its two fields are called there. */
export const actionValue = (
  action: LinuxSeccompAction,
  errnoRet: number | undefined,
  path: string,
  fields: { readonly action: string; readonly errnoRet: string },
): number => {
  if (!Object.hasOwn(RETURNS, action)) {
    throw new InvalidField(`${path}.${fields.action}`, `${JSON.stringify(action)} is none of ${SECCOMP_ACTIONS.join(', ')}`)
  }
  if (errnoRet !== undefined && !(Number.isInteger(errnoRet) && errnoRet >= 0 && errnoRet <= SECCOMP_RET_DATA)) {
    throw new InvalidField(`${path}.${fields.errnoRet}`, `${errnoRet} is not within 0–${SECCOMP_RET_DATA}`)
  }
  const value = RETURNS[action]
  return value === SECCOMP_RET_ERRNO || value === SECCOMP_RET_TRACE ? (value | (errnoRet ?? ERRNO.EPERM)) >>> 0 : value
}
