/** Why this machine refuses a user namespace, with the command that mends it. */
import { readFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { isErrno } from '../sys/error.ts'

/** Undefined where the kernel does not have it. */
const sysctl = (name: string): string | undefined => {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

export type Sysctl = (name: string) => string | undefined

/** What hinders for certain; the first that does. */
export const hindrance = (read: Sysctl = sysctl): WherryError | undefined => {
  if (read('user/max_user_namespaces') === '0')
    return new WherryError(
      'failed-precondition',
      'user namespaces are turned off (user.max_user_namespaces is 0): as root, sysctl -w user.max_user_namespaces=28633',
    )
  if (read('kernel/unprivileged_userns_clone') === '0')
    return new WherryError(
      'failed-precondition',
      'user namespaces are for root alone (kernel.unprivileged_userns_clone is 0): as root, sysctl -w kernel.unprivileged_userns_clone=1',
    )
  return undefined
}

/** What to throw when a user namespace could not be made or used: the failure, with what is the likely reason. */
export const refusal = (error: Error, read: Sysctl = sysctl): Error => {
  if (!isErrno(error, 'EPERM', 'EACCES', 'ENOSPC', 'EUSERS')) return error
  if (isErrno(error, 'ENOSPC', 'EUSERS'))
    return new WherryError(
      'resource-exhausted',
      `no more user namespaces (${error.message}): end some containers, or as root, sysctl -w user.max_user_namespaces=${2 * Number(read('user/max_user_namespaces') ?? 14_000)}`,
      { cause: error },
    )
  if (read('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return new WherryError(
      'permission-denied',
      `AppArmor takes all rights from user namespaces (${error.message}): as root, sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile for this program that has "userns,"`,
      { cause: error },
    )
  return new WherryError(
    'permission-denied',
    `this machine refuses a user namespace (${error.message}): a seccomp filter or security module of the container or service this runs in may forbid it`,
    { cause: error },
  )
}
