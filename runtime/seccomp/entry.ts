/**
 * A file of the cache: u32 length of the key, u32 length of the filter, key and filter, and both again. The second copy is the
 * checksum: comparing it costs microseconds, where computing one in cold JavaScript costs more than all the rest.
 */
import { BPF_ABS, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_DATA, SOCK_FILTER } from '../sys/abi/seccomp.ts'

const HEADER = 8
const LOAD = BPF_LD | BPF_W | BPF_ABS
const RETURN = BPF_RET | BPF_K

export const entryBytes = (key: Uint8Array, filter: Uint8Array): Buffer => {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(key.length, 0)
  header.writeUInt32LE(filter.length, 4)
  return Buffer.concat([header, key, filter, key, filter])
}

/** Whole instructions from libseccomp's `ld [arch]` to a return, so no empty and no zeroed file; the kernel checks each of them. */
const isProgram = (filter: Buffer): boolean => {
  const last = filter.length - SOCK_FILTER.size
  if (last < SOCK_FILTER.size || filter.length % SOCK_FILTER.size !== 0) return false
  const loadsArch = filter.readUInt16LE(SOCK_FILTER.code) === LOAD && filter.readUInt32LE(SOCK_FILTER.k) === SECCOMP_DATA.arch
  return loadsArch && filter.readUInt16LE(last + SOCK_FILTER.code) === RETURN
}

export interface Entry {
  readonly key: Uint8Array
  readonly filter: Uint8Array
}

/** What is in a file of the cache; undefined if it is damaged. */
export const readEntry = (file: Buffer): Entry | undefined => {
  if (file.length < HEADER) return undefined
  const keyEnd = HEADER + file.readUInt32LE(0)
  const end = keyEnd + file.readUInt32LE(4)
  if (file.length - end !== end - HEADER || !file.subarray(HEADER, end).equals(file.subarray(end))) return undefined
  const filter = file.subarray(keyEnd, end)
  return isProgram(filter) ? { key: file.subarray(HEADER, keyEnd), filter } : undefined
}
