/**
 * Opens koffi's native addon. Its own index costs 40 % of a Node start, the addon alone 10 %, so the index is not loaded:
 * the addon has the same interface for what is used here.
 */
import { existsSync } from 'node:fs'

/** What is used of koffi's interface (koffi.dev). Pointers are plain addresses: a number where it is safe, else a bigint. */
export interface Koffi {
  /** Null: the program itself with what it has loaded. */
  load(path: string | null): Library
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

type Value = number | bigint | string | null | Uint8Array

export interface ForeignFunction {
  (...args: readonly Value[]): number | bigint
  /** In one of libuv’s four threads: for single calls that are slow and rare. */
  async(...args: readonly [...Value[], (error: Error | null, result: number | bigint) => void]): void
}

/** npm puts packages below this one, or beside it. Bundles run with dist/ for their folder, sources lie two folders down. */
const PLACES = ['../node_modules', '../../node_modules', '../..', '../../..']

/** Without require.resolve(), which looks at every folder on the way: 2 ms of a start. */
const open = (): Koffi => {
  const addon = `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`
  const path = PLACES.map((place) => `${import.meta.dirname}/${place}/${addon}`).find((candidate) => existsSync(candidate))
  if (path === undefined) throw new Error(`koffi's addon ${addon} is not installed beside ${import.meta.dirname}: run npm ci`)
  const module = { exports: {} as Koffi }
  process.dlopen(module, path)
  return module.exports
}

export const koffi: Koffi = open()

/** glibc; musl hosts are out of scope (README). */
export const libc: Library = koffi.load('libc.so.6')
