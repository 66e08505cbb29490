/** libnftables(3): rules in nft(8)'s language, all of one text or nothing. */
import { WherryError } from '../errors.ts'
import { koffi } from './koffi.ts'
import { inNetworkNamespace } from './netlink.ts'
import { cstring } from './syscall.ts'

const SONAME = 'libnftables.so.1'
/** nft_ctx_output_get_flags: NFT_CTX_OUTPUT_JSON */
const NFT_CTX_OUTPUT_JSON = 1 << 4

type Context = number | bigint

interface Libnftables {
  create(): Context
  free(context: Context): void
  run(context: Context, commands: Uint8Array): number
  setFlags(context: Context, flags: number): void
  output(context: Context): string
  error(context: Context): string
}

const load = (): Libnftables => {
  let library: ReturnType<typeof koffi.load>
  try {
    library = koffi.load(SONAME)
  } catch (cause) {
    throw new WherryError(
      'failed-precondition',
      `${SONAME}, which writes network rules, cannot be loaded: install libnftables1 (Debian's package)`,
      {
        cause,
      },
    )
  }
  const newContext = library.func('nft_ctx_new', 'uintptr_t', ['uint32_t'])
  const free = library.func('nft_ctx_free', 'void', ['uintptr_t'])
  const bufferOutput = library.func('nft_ctx_buffer_output', 'int', ['uintptr_t'])
  const bufferError = library.func('nft_ctx_buffer_error', 'int', ['uintptr_t'])
  const getOutput = library.func('nft_ctx_get_output_buffer', 'str', ['uintptr_t'])
  const getError = library.func('nft_ctx_get_error_buffer', 'str', ['uintptr_t'])
  const setFlags = library.func('nft_ctx_output_set_flags', 'void', ['uintptr_t', 'unsigned int'])
  const run = library.func('nft_run_cmd_from_buffer', 'int', ['uintptr_t', 'uintptr_t'])
  return {
    create: () => {
      const context = newContext(0)
      if (BigInt(context) === 0n) throw new WherryError('internal', 'nft_ctx_new: no context')
      if (Number(bufferOutput(context)) !== 0 || Number(bufferError(context)) !== 0)
        throw new WherryError('resource-exhausted', 'nft_ctx_buffer_output: out of memory')
      return context
    },
    free: (context) => {
      free(context)
    },
    run: (context, commands) => Number(run(context, koffi.address(commands))),
    setFlags: (context, flags) => {
      setFlags(context, flags)
    },
    output: (context) => String(getOutput(context)),
    error: (context) => String(getError(context)),
  }
}

let library: Libnftables | undefined

export interface NftOptions {
  /** Descriptor of the network namespace; this thread’s own by default. */
  readonly namespace?: number
  readonly json?: boolean
}

/** What the commands print. Throws `failed-precondition` with nft’s own words; then none of the commands has taken effect. */
export const runNft = (commands: string, { namespace, json = false }: NftOptions = {}): string => {
  library ??= load()
  const { create, free, run, setFlags, output, error } = library
  const bytes = cstring(commands)
  const work = (): string => {
    const context = create()
    try {
      if (json) setFlags(context, NFT_CTX_OUTPUT_JSON)
      if (run(context, bytes) === 0) return output(context)
      const words = error(context).trim().split('\n', 3).join('; ')
      throw new WherryError('failed-precondition', `nft: ${words === '' ? 'refused without a word' : words}`)
    } finally {
      free(context)
    }
  }
  return namespace === undefined ? work() : inNetworkNamespace(namespace, work)
}
