/** Device rules on cgroup v2: a program of type BPF_PROG_TYPE_CGROUP_DEVICE on the cgroup, cgroup-v2.rst "Device controller". */
import { closeSync, constants, openSync } from 'node:fs'
import { BPF_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE } from '../../sys/abi/bpf.ts'
import { attachedPrograms, attachProgram, detachProgram, loadProgram, programById } from '../../sys/bpf.ts'
import { isErrno } from '../../sys/error.ts'
import { failure } from '../file.ts'
import { deviceProgram } from './program.ts'
import type { DeviceRules } from './rules.ts'

/** Most containers have the same rules: one loaded program serves many cgroups. The descriptor of the last one stays open. */
let last: { readonly code: Buffer; readonly fd: number } | undefined

const loaded = (rules: DeviceRules): number => {
  const code = Buffer.from(deviceProgram(rules))
  if (last?.code.equals(code)) return last.fd
  const fd = loadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, code, 'wherry_devices')
  if (last !== undefined) closeSync(last.fd)
  last = { code, fd }
  return fd
}

const withDescriptor = <T>(fd: number, use: (fd: number) => T): T => {
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** Puts `program` in the place of the only program that is attached, by its id. False where the kernel cannot (before 5.6). */
const replace = (cgroup: number, program: number, id: number): boolean =>
  withDescriptor(programById(id), (old) => {
    try {
      attachProgram(cgroup, program, BPF_CGROUP_DEVICE, old)
      return true
    } catch (error) {
      if (isErrno(error, 'EINVAL')) return false
      throw error
    }
  })

/**
 * Makes the rules those of the cgroup, and of it alone: other device programs on it are detached. At no moment is the cgroup
 * without a program: the old one is replaced, or goes after the new one came.
 */
export const setDevicesV2 = (dir: string, rules: DeviceRules): void => {
  const program = loaded(rules)
  let directory: number
  try {
    directory = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    throw failure(error, 'open', [dir], { during: 'linux.resources.devices' })
  }
  withDescriptor(directory, (cgroup) => {
    const old = attachedPrograms(cgroup, BPF_CGROUP_DEVICE)
    const [only, ...more] = old
    if (only !== undefined && more.length === 0 && replace(cgroup, program, only)) return
    attachProgram(cgroup, program, BPF_CGROUP_DEVICE)
    for (const id of old) withDescriptor(programById(id), (fd) => detachProgram(cgroup, fd, BPF_CGROUP_DEVICE))
  })
}
