/**
 * zlib and zstd as Node carries and exports them for its addons (zlib.h, zstd.h). Called directly they cost half of what the streams of
 * node:zlib do: no thread changes, no new buffer for each piece.
 */
import { type ForeignFunction, koffi } from './koffi.ts'

/** One stream of compressed data. */
export interface Decoder {
  /** Bytes of `input` that the last step has read, and bytes of `output` that it has written. */
  readonly read: number
  readonly written: number
  /** The last step came to the end of a member (gzip) or frame (zstd); the next one begins another. */
  readonly ended: boolean
  /** As much as fits. Throws DecoderError. */
  step(input: Uint8Array, output: Uint8Array): void
  /** The same in another thread; neither buffer may be touched meanwhile, and `close` not called. */
  stepAside(input: Uint8Array, output: Uint8Array): Promise<void>
  close(): void
}

export class DecoderError extends Error {
  override readonly name = 'DecoderError'
}

const program = koffi.load(null)

const aside = (call: ForeignFunction, args: readonly (number | bigint)[]): Promise<number> =>
  new Promise((resolve, reject) => {
    call.async(...args, (error, result) => (error === null ? resolve(Number(result)) : reject(error)))
  })

/** z_stream of zlib.h; 64 bits but for avail_in and avail_out, which have 32. */
const Z_STREAM = { next_in: 0, avail_in: 8, next_out: 24, avail_out: 32, size: 112 } as const
const Z_STREAM_END = 1
const Z_NO_FLUSH = 0
const Z_BUF_ERROR = -5
const Z_ERRORS: Readonly<Record<number, string>> = { 2: 'it needs a dictionary', [-3]: 'it is damaged', [-4]: 'there is no memory for it' }
/** The largest window, and gzip’s frame around it. */
const GZIP_WINDOW = 15 + 16

export const gzipDecoder = (): Decoder => {
  const init = program.func('inflateInit2_', 'int', ['uintptr_t', 'int', 'string', 'int'])
  const inflate = program.func('inflate', 'int', ['uintptr_t', 'int'])
  const reset = program.func('inflateReset', 'int', ['uintptr_t'])
  const free = program.func('inflateEnd', 'int', ['uintptr_t'])
  const bytes = new Uint8Array(Z_STREAM.size)
  const view = new DataView(bytes.buffer)
  const stream = koffi.address(bytes)
  const status = Number(init(stream, GZIP_WINDOW, '1', Z_STREAM.size))
  if (status !== 0) throw new DecoderError(`inflateInit2: ${status}`)
  let open = true
  const before = (input: Uint8Array, output: Uint8Array): void => {
    if (decoder.ended) reset(stream)
    view.setBigUint64(Z_STREAM.next_in, koffi.address(input), true)
    view.setUint32(Z_STREAM.avail_in, input.length, true)
    view.setBigUint64(Z_STREAM.next_out, koffi.address(output), true)
    view.setUint32(Z_STREAM.avail_out, output.length, true)
  }
  const after = (result: number, input: Uint8Array, output: Uint8Array): void => {
    if (result !== 0 && result !== Z_STREAM_END && result !== Z_BUF_ERROR) throw new DecoderError(Z_ERRORS[result] ?? `inflate: ${result}`)
    decoder.read = input.length - view.getUint32(Z_STREAM.avail_in, true)
    decoder.written = output.length - view.getUint32(Z_STREAM.avail_out, true)
    decoder.ended = result === Z_STREAM_END
  }
  const decoder = {
    read: 0,
    written: 0,
    ended: false,
    step: (input: Uint8Array, output: Uint8Array) => {
      before(input, output)
      after(Number(inflate(stream, Z_NO_FLUSH)), input, output)
    },
    stepAside: async (input: Uint8Array, output: Uint8Array) => {
      before(input, output)
      after(await aside(inflate, [stream, Z_NO_FLUSH]), input, output)
    },
    close: () => {
      if (open) free(stream)
      open = false
    },
  }
  return decoder
}

/** ZSTD_inBuffer and ZSTD_outBuffer of zstd.h: address, size and position of 64 bits each. */
const ZSTD_BUFFER = { address: 0, size: 8, position: 16, length: 24 } as const
const ZSTD_d_windowLogMax = 100

/** `windowLog`: the largest window taken is two to this power; so much memory may be used. */
export const zstdDecoder = (windowLog: number): Decoder => {
  const create = program.func('ZSTD_createDCtx', 'uintptr_t', [])
  const set = program.func('ZSTD_DCtx_setParameter', 'size_t', ['uintptr_t', 'int', 'int'])
  const decompress = program.func('ZSTD_decompressStream', 'size_t', ['uintptr_t', 'uintptr_t', 'uintptr_t'])
  const isError = program.func('ZSTD_isError', 'uint', ['size_t'])
  const errorName = program.func('ZSTD_getErrorName', 'string', ['size_t'])
  const free = program.func('ZSTD_freeDCtx', 'size_t', ['uintptr_t'])
  const context = create()
  if (Number(context) === 0) throw new DecoderError('ZSTD_createDCtx: there is no memory for it')
  set(context, ZSTD_d_windowLogMax, windowLog)
  let open = true
  const bytes = new Uint8Array(2 * ZSTD_BUFFER.length)
  const source = new DataView(bytes.buffer, 0, ZSTD_BUFFER.length)
  const target = new DataView(bytes.buffer, ZSTD_BUFFER.length)
  const inBuffer = koffi.address(bytes)
  const outBuffer = inBuffer + BigInt(ZSTD_BUFFER.length)
  const describe = (view: DataView, piece: Uint8Array): void => {
    view.setBigUint64(ZSTD_BUFFER.address, koffi.address(piece), true)
    view.setBigUint64(ZSTD_BUFFER.size, BigInt(piece.length), true)
    view.setBigUint64(ZSTD_BUFFER.position, 0n, true)
  }
  const before = (input: Uint8Array, output: Uint8Array): void => {
    describe(source, input)
    describe(target, output)
  }
  const after = (result: number | bigint): void => {
    if (Number(isError(result)) !== 0) throw new DecoderError(String(errorName(result)).toLowerCase())
    decoder.read = Number(source.getBigUint64(ZSTD_BUFFER.position, true))
    decoder.written = Number(target.getBigUint64(ZSTD_BUFFER.position, true))
    decoder.ended = Number(result) === 0
  }
  const decoder = {
    read: 0,
    written: 0,
    ended: false,
    step: (input: Uint8Array, output: Uint8Array) => {
      before(input, output)
      after(decompress(context, outBuffer, inBuffer))
    },
    stepAside: (input: Uint8Array, output: Uint8Array) =>
      new Promise<void>((resolve, reject) => {
        before(input, output)
        decompress.async(context, outBuffer, inBuffer, (error, result) => {
          try {
            if (error !== null) throw error
            after(result)
            resolve()
          } catch (problem) {
            reject(problem)
          }
        })
      }),
    close: () => {
      if (open) free(context)
      open = false
    },
  }
  return decoder
}
