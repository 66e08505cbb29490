/** Executables of x86 that make one system call by number and end with its errno as status: for calls that no library makes. */
import { writeFileSync } from 'node:fs'

const BASE = 0x400000
const ENTRY = 0x100

/** ELF32 or ELF64 with one segment, all of it readable and executable; elf(5). */
const elf = (bits: 32 | 64, code: Buffer): Buffer => {
  const file = Buffer.concat([Buffer.alloc(ENTRY), code])
  file.set([0x7f, 0x45, 0x4c, 0x46, bits === 32 ? 1 : 2, 1, 1])
  file.writeUInt16LE(2, 16) // ET_EXEC
  file.writeUInt16LE(bits === 32 ? 3 : 62, 18) // EM_386, EM_X86_64
  file.writeUInt32LE(1, 20)
  const word = (at: number, value: number): void => {
    if (bits === 32) file.writeUInt32LE(value, at)
    else file.writeBigUInt64LE(BigInt(value), at)
  }
  const wide = bits / 8
  word(24, BASE + ENTRY)
  word(24 + wide, 64) // program headers
  const sizes = 24 + 3 * wide + 4
  file.writeUInt16LE(bits === 32 ? 52 : 64, sizes)
  file.writeUInt16LE(bits === 32 ? 32 : 56, sizes + 2)
  file.writeUInt16LE(1, sizes + 4)
  file.writeUInt32LE(1, 64) // PT_LOAD
  const fields = bits === 32 ? [0, BASE, BASE, file.length, file.length] : [0, BASE, BASE, file.length, file.length, 0x1000]
  const start = bits === 32 ? 68 : 72
  for (const [index, value] of fields.entries()) word(start + index * wide, value)
  if (bits === 64) file.writeUInt32LE(5, 68)
  else {
    file.writeUInt32LE(5, 88)
    file.writeUInt32LE(0x1000, 92)
  }
  return file
}

const immediate = (opcode: number, value: number): number[] => {
  const bytes = Buffer.alloc(5)
  bytes[0] = opcode
  bytes.writeUInt32LE(value, 1)
  return [...bytes]
}

const NEGATE = [0xf7, 0xd8] // neg eax

/** Calls `nr` of x86-64 with zeros as arguments. */
export const calls64 = (path: string, nr: number): void => {
  const clear = [0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2] // xor edi, edi; xor esi, esi; xor edx, edx
  const end = [...NEGATE, 0x89, 0xc7, ...immediate(0xb8, 60), 0x0f, 0x05] // mov edi, eax; mov eax, __NR_exit; syscall
  writeFileSync(path, elf(64, Buffer.from([...clear, ...immediate(0xb8, nr), 0x0f, 0x05, ...end])), { mode: 0o755 })
}

/** mkdir(folder, 0755) by i386's int 0x80. */
export const mkdir32 = (path: string, folder: string): void => {
  const call = (at: number): number[] => [
    ...immediate(0xb8, 39), // mov eax, __NR_mkdir
    ...immediate(0xbb, at), // mov ebx
    ...immediate(0xb9, 0o755), // mov ecx
    ...[0xcd, 0x80, ...NEGATE, 0x89, 0xc3, ...immediate(0xb8, 1), 0xcd, 0x80], // int 0x80; neg eax; mov ebx, eax; mov eax, __NR_exit; int 0x80
  ]
  const { length } = call(0)
  writeFileSync(path, elf(32, Buffer.from([...call(BASE + ENTRY + length), ...Buffer.from(`${folder}\0`)])), { mode: 0o755 })
}
