/**
 * The assembler of syscall programs. Operations are appended in order; the result of one can be an argument of later ones;
 * each goes on by the sign of its result. See ARCHITECTURE.md, "Syscall programs".
 */
import { ERRNO, type ErrnoName } from '../sys/abi/errno.ts'
import type { Arch, SyscallName } from '../sys/abi/syscalls.ts'
import { PAGE, PAGE_SIZE } from './layout.ts'
import { Label, type Next, type Op } from './op.ts'
import { type Block, Cell, type Operand, Ref, Words } from './operand.ts'

export interface OpOptions {
  /** Where the result is stored; without it a cell of its own. */
  readonly into?: Ref | Cell
  /** Bytes of the result that are stored. */
  readonly width?: 4 | 8
  readonly positive?: Next
  readonly zero?: Next
  readonly negative?: Next
  /** Errors after which the program goes on as after success (or at a label). */
  readonly tolerate?: readonly ErrnoName[] | Readonly<Partial<Record<ErrnoName, Label>>>
  readonly during?: string
  /** What the printer calls the result: `rootfd`. */
  readonly name?: string
}

/** What an op is made of beside its call, its arguments and its result. */
interface AppendOptions {
  readonly width?: 4 | 8 | undefined
  readonly positive?: Next
  readonly zero?: Next
  readonly negative?: Next
  readonly during?: string | undefined
  readonly judges?: Op['judges']
  readonly waitStatus?: boolean
}

const MINUS_ONE = -1

const isList = (tolerate: NonNullable<OpOptions['tolerate']>): tolerate is readonly ErrnoName[] => Array.isArray(tolerate)

const behind = (to: Next = 'next', after: Label): Next => (to === 'next' ? after : to)

export class Program {
  readonly arch: Arch
  readonly ops: Op[] = []
  readonly blocks: Block[] = []
  /** The page shared with the parent, see page.ts. */
  readonly page: Ref = new Ref({ bytes: undefined, size: PAGE_SIZE, align: PAGE_SIZE, pointers: [], fixed: PAGE })
  /** What the descriptors are that the program is started with, by number: printed beside the number. */
  readonly descriptors = new Map<number, string>()
  /** Printed before each op that has no text of its own. */
  during: string | undefined
  readonly #strings = new Map<string, Ref>()
  #cells = 0

  constructor(arch: Arch) {
    this.arch = arch
  }

  /** The bytes, in memory of the program's own. */
  bytes(bytes: Uint8Array, align = 1): Ref {
    return this.#block({ bytes, size: bytes.length, align, pointers: [] })
  }

  /** `size` zero bytes. */
  buffer(size: number, align = 8): Ref {
    return this.#block({ bytes: undefined, size, align, pointers: [] })
  }

  /** The text with a NUL behind; the same text is kept once, so it must not be written to. */
  string(text: string): Ref {
    const known = this.#strings.get(text)
    if (known !== undefined) return known
    if (text.includes('\0')) throw new TypeError(`a NUL byte in ${JSON.stringify(text)}`)
    const ref = this.bytes(Buffer.from(`${text}\0`))
    this.#strings.set(text, ref)
    return ref
  }

  /** Consecutive 64-bit words: a struct or an array; a string or a Ref becomes its address, a Cell is refused (store into the word instead). */
  words(values: readonly Exclude<Operand, Cell>[]): Ref {
    const words: (number | bigint)[] = []
    const pointers: { offset: number; to: Ref }[] = []
    for (const value of values)
      if (typeof value === 'number' || typeof value === 'bigint') words.push(value)
      else {
        pointers.push({ offset: words.length * 8, to: this.address(value) })
        words.push(0)
      }
    return this.#block(new Words(words, pointers))
  }

  /** The NULL-terminated array of strings that execve(2) takes. */
  strings(values: readonly string[]): Ref {
    return this.words([...values, 0])
  }

  cell(name?: string, initial: number | bigint = 0): Cell {
    this.#cells += 1
    return new Cell(this.words([initial]), name ?? `c${this.#cells}`)
  }

  /** The cell at `offset` of the shared page: the parent sees it. */
  shared(offset: number, name: string): Cell {
    return new Cell(this.page.plus(offset), name)
  }

  address(value: string | Uint8Array | Ref): Ref {
    return value instanceof Ref ? value : typeof value === 'string' ? this.string(value) : this.bytes(value)
  }

  /** Appends a system call. What it returns holds the result when the program runs. */
  call(name: SyscallName, args: readonly Operand[], options: OpOptions = {}): Cell {
    const result = this.#result(options.into, options.name)
    const { tolerate } = options
    if (tolerate === undefined) {
      this.#append(name, args, result, options)
      return result
    }
    const labels: Readonly<Partial<Record<ErrnoName, Label>>> = isList(tolerate) ? {} : tolerate
    const codes = isList(tolerate) ? tolerate : (Object.keys(tolerate) as ErrnoName[])
    if (codes.length === 0) {
      this.#append(name, args, result, options)
      return result
    }
    if (options.width === 4) throw new Error(`${name}: a tolerated error is told from a result of eight bytes`)
    const judge = new Label()
    const after = new Label()
    const op = this.#append(name, args, result, {
      during: options.during,
      positive: behind(options.positive, after),
      zero: behind(options.zero, after),
      negative: judge,
    })
    this.place(judge)
    for (let index = 0; index < codes.length; index += 1) {
      const code = codes[index]!
      const otherwise: Next = index === codes.length - 1 ? (options.negative ?? 'fail') : 'next'
      this.#append('compute', [result, MINUS_ONE, 1, 0, ERRNO[code]], undefined, {
        positive: otherwise,
        negative: otherwise,
        zero: labels[code] ?? after,
        judges: { op, offset: -ERRNO[code] },
      })
    }
    this.place(after)
    return result
  }

  /** Appends a system call; if it fails, the ops of `before` are carried out and then the program fails as this call did. */
  callOr(before: () => void, name: SyscallName, args: readonly Operand[], options: OpOptions = {}): Cell {
    if (options.tolerate !== undefined) throw new Error(`${name}: an error is either tolerated or has something done before it`)
    const result = this.#result(options.into, options.name)
    const failed = new Label()
    const after = new Label()
    const op = this.#append(name, args, result, {
      during: options.during,
      width: options.width,
      positive: behind(options.positive, after),
      zero: behind(options.zero, after),
      negative: failed,
    })
    this.place(failed)
    before()
    this.#append('compute', [result, MINUS_ONE, 1, 0, 0], undefined, {
      positive: 'fail',
      zero: 'fail',
      negative: 'fail',
      judges: { op, offset: 0 },
    })
    this.place(after)
    return result
  }

  /** Fails as that call would have, whose negative result is in the cell. The call itself is not made. */
  failAs(result: Cell, name: SyscallName, args: readonly Operand[]): void {
    const behind = new Label()
    this.jump(behind)
    const op = this.#append(name, args, result, {})
    this.place(behind)
    this.#append('compute', [result, MINUS_ONE, 1, 0, 0], undefined, {
      positive: 'fail',
      zero: 'fail',
      negative: 'fail',
      judges: { op, offset: 0 },
    })
  }

  /** Appends ((value & mask) * factor) + addend + constant; goes on by its sign as a call does. */
  compute(
    value: Ref | Cell,
    {
      mask = MINUS_ONE,
      factor = 1,
      addend,
      constant = 0,
    }: { mask?: bigint | number; factor?: number; addend?: Cell; constant?: number | bigint } = {},
    options: OpOptions = {},
  ): Cell {
    const source = value instanceof Cell ? value : new Cell(value, 'memory')
    const result = this.#result(options.into, options.name)
    this.#append('compute', [source, mask, factor, addend ?? 0, constant], result, options, 'next')
    return result
  }

  /** Compares memory with a constant; without labels goes on behind. */
  compare(
    value: Ref | Cell,
    constant: number | bigint,
    {
      mask = MINUS_ONE,
      equal = 'next',
      otherwise = 'next',
      waitStatus = false,
    }: { mask?: bigint | number; equal?: Next; otherwise?: Next; waitStatus?: boolean },
  ): void {
    const source = value instanceof Cell ? value : new Cell(value, 'memory')
    const sought = typeof constant === 'bigint' ? -constant : 0 - constant
    this.#append('compute', [source, mask, 1, 0, sought], undefined, { positive: otherwise, negative: otherwise, zero: equal, waitStatus })
  }

  /** Copies eight bytes. */
  copy(from: Ref | Cell, to: Ref | Cell, width: 4 | 8 = 8): void {
    this.compute(from, {}, { into: to, width })
  }

  set(to: Ref | Cell, value: number | bigint, width: 4 | 8 = 8): void {
    this.#append('compute', [0, 0, 0, 0, value], this.#result(to), { width }, 'next')
  }

  label(): Label {
    return new Label()
  }

  place(label: Label): void {
    if (label.index !== undefined) throw new Error('a label is placed twice')
    label.index = this.ops.length
  }

  jump(label: Label): void {
    this.#append('compute', [0, 0, 0, 0, 0], undefined, { positive: label, zero: label, negative: label })
  }

  /**
   * A loop over strings: `body` is emitted once, with a cell that holds the address of the string whose turn it is and the label
   * where the next one begins. While it runs the cell is a word of the page, so that a failure can name the string.
   */
  each(strings: readonly string[], item: Cell, body: (next: Label) => void): void {
    if (strings.length === 0) return
    const stride = Math.ceil((Math.max(...strings.map((text) => Buffer.byteLength(text))) + 1) / 8) * 8
    const table = Buffer.alloc(stride * strings.length)
    for (const [index, text] of strings.entries()) table.write(text, index * stride)
    const left = this.cell('left', strings.length)
    const again = this.label()
    const next = this.label()
    this.copy(this.words([this.bytes(table, 8)]), item)
    this.place(again)
    body(next)
    this.place(next)
    this.compute(item, { constant: stride }, { into: item })
    this.compute(left, { constant: -1 }, { into: left, positive: again })
    this.set(item, 0)
  }

  /** A child by clone(2) whose code is `body`, which must not run off its end. Returns the child's pid. */
  fork(body: () => void, { flags = 17 /* SIGCHLD */, ...options }: OpOptions & { flags?: number } = {}): Cell {
    if (Array.isArray(options.tolerate) || options.negative === 'next')
      throw new Error('the parent would go on as the child: an error of fork is tolerated at a label')
    const child = new Label()
    const after = new Label()
    const pid = this.call('clone', [flags, 0, 0, 0, 0], { ...options, zero: child, positive: after })
    this.place(child)
    body()
    this.place(after)
    return pid
  }

  exit(status: Operand): void {
    this.#append('exit_group', [status], undefined, {})
  }

  /** A result is named for the op that it is of, unless it goes where there is a name already. */
  #result(into: Ref | Cell | undefined, name = `v${this.ops.length}`): Cell {
    return into instanceof Cell ? into : new Cell(into ?? this.buffer(8), name)
  }

  /** @param failure where a negative result leads if the options do not say */
  #append(
    call: SyscallName | 'compute',
    args: readonly Operand[],
    result: Cell | undefined,
    options: AppendOptions,
    failure: Next = 'fail',
  ): Op {
    const operands: Operand[] = []
    for (let index = 0; index < args.length; index += 1) {
      const arg = args[index]!
      if (typeof arg === 'number' && !Number.isSafeInteger(arg))
        throw new RangeError(`op ${this.ops.length} (${call}): ${arg} is no integer`)
      operands.push(typeof arg === 'string' || arg instanceof Uint8Array ? this.address(arg) : arg)
    }
    const op: Op = {
      call,
      args: operands,
      result: result?.ref,
      name: result?.name,
      width: options.width ?? 8,
      positive: options.positive ?? 'next',
      zero: options.zero ?? 'next',
      negative: options.negative ?? failure,
      during: options.during ?? this.during,
      judges: options.judges,
      waitStatus: options.waitStatus === true,
    }
    this.ops.push(op)
    return op
  }

  #block(block: Block): Ref {
    this.blocks.push(block)
    return new Ref(block)
  }
}
