/**
 * Where things lie in a syscall program's memory. All addresses are fixed and below 4 GiB. DATA and its offset in the file
 * are equal modulo 64 KiB, the largest page of arm64.
 */

/** The failure page: MAP_SHARED with the parent; see page.ts. */
export const PAGE = 0x200000
export const PAGE_SIZE = 4096
/** Read and execute: the ELF header and the interpreter loop. */
export const CODE = 0x400000
/** Read and write: the operations, then strings, structs, cells and buffers. The first op lies at DATA. */
export const DATA = 0x801000
export const DATA_OFFSET = 0x1000

/** An op: number, six arguments, address of the result, next if > 0, next if 0, next if < 0, width of the result, indirect arguments. */
export const OP = { size: 96, nr: 0, args: 8, result: 56, positive: 64, zero: 72, negative: 80, width: 88, indirect: 92 } as const
/** In place of a call's number: ((value & mask) * factor) + addend + constant, with the arguments in that order. */
export const COMPUTE = -1n
