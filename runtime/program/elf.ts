/** A static executable of two segments, elf(5): the loop (read, execute) and the program's data (read, write). Nothing else. */
import type { Arch } from '../sys/abi/syscalls.ts'
import { CODE, DATA, DATA_OFFSET } from './layout.ts'
import { LOOP_ARM64 } from './loop/arm64.ts'
import { LOOP_X64 } from './loop/x64.ts'

const EHDR = 64
const PHDR = 56
const ENTRY = 0x100
const EM = { x64: 62, arm64: 183 } as const
const LOOP = { x64: LOOP_X64, arm64: LOOP_ARM64 } as const
const ALIGN = 0x10000n
const [PT_LOAD, PT_GNU_STACK, PF_X, PF_W, PF_R] = [1, 0x6474e551, 1, 2, 4]

/** @param data the bytes at DATA; @param size of the data segment in memory, zeros behind `data`. */
export const writeElf = (arch: Arch, data: Uint8Array, size: number): Uint8Array => {
  const file = Buffer.alloc(DATA_OFFSET + data.length)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) // 64 bits, little-endian, version 1
  file.writeUInt16LE(2, 16) // ET_EXEC
  file.writeUInt16LE(EM[arch], 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(CODE + ENTRY), 24)
  file.writeBigUInt64LE(BigInt(EHDR), 32)
  file.writeUInt16LE(EHDR, 52)
  file.writeUInt16LE(PHDR, 54)
  file.writeUInt16LE(3, 56)
  const segment = (index: number, type: number, flags: number, offset: number, address: number, fileSize: number, memorySize: number) => {
    const at = EHDR + PHDR * index
    file.writeUInt32LE(type, at)
    file.writeUInt32LE(flags, at + 4)
    for (const [word, value] of [offset, address, address, fileSize, memorySize].entries())
      file.writeBigUInt64LE(BigInt(value), at + 8 + 8 * word)
    file.writeBigUInt64LE(ALIGN, at + 48)
  }
  const code = ENTRY + LOOP[arch].length
  segment(0, PT_LOAD, PF_R | PF_X, 0, CODE, code, code)
  segment(1, PT_LOAD, PF_R | PF_W, DATA_OFFSET, DATA, data.length, size)
  segment(2, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0)
  file.set(LOOP[arch], ENTRY)
  file.set(data, DATA_OFFSET)
  return file
}
