/** Which start of the machine this is, proc_sys_kernel(5) "random/boot_id". */
import { readFileSync } from 'node:fs'

let known: string | undefined

export const bootId = (): string => {
  known ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return known
}
