/** What is told of one layer: each change once. */
import type { Descriptor } from '../spec/types.ts'
import type { LayerState, PullProgress } from './types.ts'

export class LayerProgress {
  readonly #descriptor: Descriptor
  readonly #index: number
  readonly #tell: ((progress: PullProgress) => void) | undefined
  #state: LayerState | undefined
  #bytes = -1
  /** Most bytes of the blob that were seen on the disk. */
  #came = 0

  constructor(descriptor: Descriptor, index: number, tell: ((progress: PullProgress) => void) | undefined) {
    this.#descriptor = descriptor
    this.#index = index
    this.#tell = tell
    this.set('waiting', 0)
  }

  set(state: LayerState, bytes: number): void {
    if (state === this.#state && bytes === this.#bytes) return
    this.#state = state
    this.#bytes = bytes
    const { digest, size } = this.#descriptor
    this.#tell?.({ layer: digest, index: this.#index, state, bytes, total: size })
  }

  /** So many bytes are on the disk, and so many of them unpacked. */
  moved(came: number, unpacked: number): void {
    const { size } = this.#descriptor
    this.#came = Math.max(this.#came, came)
    if (this.#came < size) this.set('downloading', this.#came)
    else this.set('unpacking', unpacked)
  }

  /** It begins again. */
  reset(): void {
    this.#came = 0
  }
}
