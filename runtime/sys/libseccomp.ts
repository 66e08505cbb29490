/** libseccomp(3) through koffi, loaded when first asked for: a filter found in the cache needs none of it. */
import { statSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { koffi } from './koffi.ts'
import { cstring } from './syscall.ts'

/** enum scmp_filter_attr, seccomp_attr_set(3). */
export const SCMP_FLTATR_ACT_DEFAULT = 1
export const SCMP_FLTATR_ACT_BADARCH = 2
export const SCMP_FLTATR_CTL_NNP = 3
export const SCMP_FLTATR_CTL_OPTIMIZE = 8

/** enum scmp_compare, seccomp_rule_add(3). */
export const SCMP_COMPARE = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
} as const

/** What the resolve functions give for a name that no architecture has. */
export const __NR_SCMP_ERROR = -1

/** struct scmp_arg_cmp: arg and op 32 bits, the data 64. */
export interface Comparison {
  readonly arg: number
  readonly op: number
  readonly datum_a: bigint
  readonly datum_b: bigint
}
const SCMP_ARG_CMP = { arg: 0, op: 4, datum_a: 8, datum_b: 16, size: 24 } as const

/** A filter being built; 0 is none. Release it. */
export type FilterContext = number | bigint

/** The functions by their own names. They return a negative errno on failure, and nothing throws. */
export interface Libseccomp {
  /** major, minor, micro */
  readonly version: readonly [number, number, number]
  /** 1 to 7, what library and running kernel have in common: seccomp_api_get(3). */
  seccomp_api_get(): number
  seccomp_init(action: number): FilterContext
  seccomp_release(context: FilterContext): void
  seccomp_arch_native(): number
  seccomp_arch_add(context: FilterContext, token: number): number
  seccomp_attr_set(context: FilterContext, attribute: number, value: number): number
  seccomp_syscall_resolve_name(name: string): number
  seccomp_syscall_resolve_name_arch(token: number, name: string): number
  seccomp_rule_add_array(context: FilterContext, action: number, syscall: number, comparisons: readonly Comparison[]): number
  seccomp_export_bpf(context: FilterContext, fd: number): number
}

const SONAME = 'libseccomp.so.2'
const FOLDERS = [
  process.arch === 'arm64' ? '/usr/lib/aarch64-linux-gnu' : '/usr/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/lib64',
  '/usr/lib',
  '/lib',
] as const

/** The library's path where distributions put it, else its bare name for the dynamic loader. */
const locate = (): { readonly path: string; readonly identity?: string } => {
  for (const folder of FOLDERS) {
    const path = `${folder}/${SONAME}`
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isFile() === true) return { path, identity: [path, stat.ino, stat.size, stat.mtimeMs].join(' ') }
  }
  return { path: SONAME }
}

/** Tells one build of the library from another without loading it, where it lies in a usual place. */
export const libseccompIdentity = (): string => locate().identity ?? libseccomp().version.join('.')

const packed = (comparisons: readonly Comparison[]): Uint8Array => {
  const bytes = Buffer.alloc(Math.max(comparisons.length, 1) * SCMP_ARG_CMP.size)
  for (const [index, { arg, op, datum_a, datum_b }] of comparisons.entries()) {
    const at = index * SCMP_ARG_CMP.size
    bytes.writeUInt32LE(arg, at + SCMP_ARG_CMP.arg)
    bytes.writeUInt32LE(op, at + SCMP_ARG_CMP.op)
    bytes.writeBigUInt64LE(datum_a, at + SCMP_ARG_CMP.datum_a)
    bytes.writeBigUInt64LE(datum_b, at + SCMP_ARG_CMP.datum_b)
  }
  return bytes
}

const load = (): Libseccomp => {
  let library: ReturnType<typeof koffi.load>
  try {
    library = koffi.load(locate().path)
  } catch (cause) {
    throw new WherryError(
      'failed-precondition',
      `${SONAME}, which compiles seccomp filters, cannot be loaded: install libseccomp2 (Debian's package)`,
      {
        cause,
      },
    )
  }
  const version = library.func('seccomp_version', 'uintptr_t', [])
  const [major = 0, minor = 0, micro = 0] = new Uint32Array(koffi.view(version(), 12))
  if (major !== 2 || minor < 5) {
    throw new WherryError(
      'failed-precondition',
      `libseccomp ${major}.${minor}.${micro} is too old to compile seccomp filters: 2.5.0 or newer is needed`,
    )
  }
  const api = library.func('seccomp_api_get', 'unsigned int', [])
  const init = library.func('seccomp_init', 'uintptr_t', ['uint32_t'])
  const release = library.func('seccomp_release', 'void', ['uintptr_t'])
  const archNative = library.func('seccomp_arch_native', 'uint32_t', [])
  const archAdd = library.func('seccomp_arch_add', 'int', ['uintptr_t', 'uint32_t'])
  const attrSet = library.func('seccomp_attr_set', 'int', ['uintptr_t', 'int', 'uint32_t'])
  const resolve = library.func('seccomp_syscall_resolve_name', 'int', ['uintptr_t'])
  const resolveArch = library.func('seccomp_syscall_resolve_name_arch', 'int', ['uint32_t', 'uintptr_t'])
  const ruleAdd = library.func('seccomp_rule_add_array', 'int', ['uintptr_t', 'uint32_t', 'int', 'unsigned int', 'uintptr_t'])
  const exportBpf = library.func('seccomp_export_bpf', 'int', ['uintptr_t', 'int'])
  return {
    version: [major, minor, micro],
    seccomp_api_get: () => Number(api()),
    seccomp_init: (action) => init(action),
    seccomp_release: (context) => {
      release(context)
    },
    seccomp_arch_native: () => Number(archNative()),
    seccomp_arch_add: (context, token) => Number(archAdd(context, token)),
    seccomp_attr_set: (context, attribute, value) => Number(attrSet(context, attribute, value)),
    seccomp_syscall_resolve_name: (name) => {
      const bytes = cstring(name)
      return Number(resolve(koffi.address(bytes)))
    },
    seccomp_syscall_resolve_name_arch: (token, name) => {
      const bytes = cstring(name)
      return Number(resolveArch(token, koffi.address(bytes)))
    },
    seccomp_rule_add_array: (context, action, syscall, comparisons) => {
      const bytes = packed(comparisons)
      return Number(ruleAdd(context, action, syscall, comparisons.length, koffi.address(bytes)))
    },
    seccomp_export_bpf: (context, fd) => Number(exportBpf(context, fd)),
  }
}

let loaded: Libseccomp | undefined

/** Throws WherryError 'failed-precondition' where the library is missing or too old. */
export const libseccomp = (): Libseccomp => {
  loaded ??= load()
  return loaded
}
