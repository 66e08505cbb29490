/**
 * Opens koffi's native addon. Its own index costs 40 % of a Node start, the addon alone 10 %, so the index is not loaded:
 * the addon has the same interface for what is used here.
 */
import { createRequire } from 'node:module'

/** What is used of koffi's interface (koffi.dev). Pointers are plain addresses: a number where it is safe, else a bigint. */
export interface Koffi {
  load(path: string): Library
  /** Address of the bytes of a buffer. The caller keeps the buffer alive. */
  address(buffer: Uint8Array): bigint
  /** The `length` bytes at `address`, shared and not copied. */
  view(address: number | bigint, length: number): ArrayBuffer
  /** errno of the last foreign call of this thread. */
  errno(): number
}

export interface Library {
  func(name: string, result: string, parameters: readonly string[]): ForeignFunction
}

export type ForeignFunction = (...args: readonly (number | bigint | string | null | Uint8Array)[]) => number | bigint

const open = (): Koffi => {
  const require = createRequire(import.meta.url)
  const addon = require.resolve(`@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`)
  const module = { exports: {} as Koffi }
  process.dlopen(module, addon)
  return module.exports
}

export const koffi: Koffi = open()

/** glibc; musl hosts are out of scope (README). */
export const libc: Library = koffi.load('libc.so.6')
