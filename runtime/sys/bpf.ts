/** bpf(2) for programs of cgroups. Descriptors are close-on-exec: the kernel makes them so. */
import {
  BPF_F_ALLOW_MULTI,
  BPF_F_REPLACE,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_LOAD,
  BPF_PROG_QUERY,
} from './abi/bpf.ts'
import { isErrno } from './error.ts'
import { koffi } from './koffi.ts'
import { cstring, syscall } from './syscall.ts'

/** The kernel reads and writes no further than the part of union bpf_attr a command has; all of it here is known since Linux 5.6. */
const attribute = (size: number): DataView => new DataView(new ArrayBuffer(size))

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer)

/** The kernel checks it; no helper that is for GPL programs only is called. */
const LICENSE = cstring('Apache-2.0')

/** Bytes of the verifier's explanation that are read when a program is refused. */
const LOG_SIZE = 16384

/** What bpf_attr points at must outlive the call: held here until it is back. */
const held = new Set<Uint8Array>()

/** A program of struct bpf_insn, 8 bytes each; a refusal ends with the verifier's last line. Returns its descriptor. */
export const loadProgram = (type: number, instructions: Uint8Array, name: string): number => {
  const attr = attribute(72)
  attr.setUint32(0, type, true)
  attr.setUint32(4, instructions.length / 8, true)
  attr.setBigUint64(8, koffi.address(instructions), true)
  attr.setBigUint64(16, koffi.address(LICENSE), true)
  new Uint8Array(attr.buffer, 48, 15).set(Buffer.from(name).subarray(0, 15))
  const load = () =>
    syscall('bpf', [BPF_PROG_LOAD, bytesOf(attr), 72], { args: ['BPF_PROG_LOAD', name, `${instructions.length / 8} instructions`] })
  held.add(instructions)
  try {
    return load()
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EACCES')) throw error
    const log = Buffer.alloc(LOG_SIZE)
    held.add(log)
    attr.setUint32(24, 1, true)
    attr.setUint32(28, LOG_SIZE, true)
    attr.setBigUint64(32, koffi.address(log), true)
    try {
      return load()
    } catch (again) {
      const lines = log.toString('latin1', 0, log.indexOf(0)).trim().split('\n')
      if (again instanceof Error && lines.at(-1)) again.message += `: ${lines.at(-1)}`
      throw again
    }
  } finally {
    held.clear()
  }
}

/**
 * Attaches a program to a cgroup beside others (BPF_F_ALLOW_MULTI), or in the place of the attached program `replaced` without
 * a moment in between (Linux 5.6; EINVAL before).
 */
export const attachProgram = (cgroup: number, program: number, attachType: number, replaced?: number): void => {
  const attr = attribute(20)
  attr.setUint32(0, cgroup, true)
  attr.setUint32(4, program, true)
  attr.setUint32(8, attachType, true)
  attr.setUint32(12, replaced === undefined ? BPF_F_ALLOW_MULTI : BPF_F_ALLOW_MULTI | BPF_F_REPLACE, true)
  attr.setUint32(16, replaced ?? 0, true)
  syscall('bpf', [BPF_PROG_ATTACH, bytesOf(attr), 20], { args: ['BPF_PROG_ATTACH', `program=${program}`] })
}

export const detachProgram = (cgroup: number, program: number, attachType: number): void => {
  const attr = attribute(12)
  attr.setUint32(0, cgroup, true)
  attr.setUint32(4, program, true)
  attr.setUint32(8, attachType, true)
  syscall('bpf', [BPF_PROG_DETACH, bytesOf(attr), 12], { args: ['BPF_PROG_DETACH', `program=${program}`] })
}

/** The kernel takes no more programs of one type on one cgroup (BPF_CGROUP_MAX_PROGS). */
const MAX_PROGRAMS = 64

/** Ids of the programs of one attach type on this very cgroup, in the order they run. */
export const attachedPrograms = (cgroup: number, attachType: number): readonly number[] => {
  const ids = new Uint32Array(MAX_PROGRAMS)
  // 64 bytes: from Linux 6.16 on the kernel writes a revision number behind what older ones know.
  const attr = attribute(64)
  attr.setUint32(0, cgroup, true)
  attr.setUint32(4, attachType, true)
  const bytes = new Uint8Array(ids.buffer)
  attr.setBigUint64(16, koffi.address(bytes), true)
  attr.setUint32(24, MAX_PROGRAMS, true)
  syscall('bpf', [BPF_PROG_QUERY, bytesOf(attr), 64], { args: ['BPF_PROG_QUERY'] })
  return [...ids.subarray(0, attr.getUint32(24, true))]
}

/** A descriptor of a loaded program; close it. */
export const programById = (id: number): number => {
  const attr = attribute(12)
  attr.setUint32(0, id, true)
  return syscall('bpf', [BPF_PROG_GET_FD_BY_ID, bytesOf(attr), 12], { args: ['BPF_PROG_GET_FD_BY_ID', String(id)] })
}
