/** Device rules as a BPF program: Documentation/bpf/prog_cgroup_sockopt.rst has the kind, linux/bpf.h the context. */
import {
  BPF_ALU,
  BPF_AND,
  BPF_CGROUP_DEV_CTX,
  BPF_DEVCG_ACC_MKNOD,
  BPF_DEVCG_ACC_READ,
  BPF_DEVCG_ACC_WRITE,
  BPF_DEVCG_DEV_BLOCK,
  BPF_DEVCG_DEV_CHAR,
  BPF_EXIT,
  BPF_JEQ,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_RSH,
  BPF_W,
  BPF_X,
} from '../../sys/abi/bpf.ts'
import { ALL, type DeviceException, type DeviceRules } from './rules.ts'

/** struct bpf_insn: 8 bits code, 4 + 4 bits registers, 16 bits offset, 32 bits immediate; little-endian on both architectures. */
interface Instruction {
  readonly code: number
  readonly dst?: number
  readonly src?: number
  readonly off?: number
  readonly imm?: number
}

const encode = (instructions: readonly Instruction[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(instructions.length * 8))
  for (const [i, { code, dst = 0, src = 0, off = 0, imm = 0 }] of instructions.entries()) {
    view.setUint8(i * 8, code)
    view.setUint8(i * 8 + 1, (src << 4) | dst)
    view.setInt16(i * 8 + 2, off, true)
    view.setInt32(i * 8 + 4, imm | 0, true)
  }
  return new Uint8Array(view.buffer)
}

// r1 holds the context until the fields are loaded, later it is scratch; the result is in r0.
const [RESULT, SCRATCH, TYPE, ACCESS, MAJOR, MINOR] = [0, 1, 2, 3, 4, 5]

const load = (dst: number, off: number): Instruction => ({ code: BPF_LDX | BPF_MEM | BPF_W, dst, src: 1, off })
const alu = (op: number, dst: number, imm: number): Instruction => ({ code: BPF_ALU | op | BPF_K, dst, imm })
const move = (dst: number, src: number): Instruction => ({ code: BPF_ALU | BPF_MOV | BPF_X, dst, src })
/** Compare of the lower 32 bits; the offset is filled in later. */
const jump = (op: number, dst: number, imm: number): Instruction => ({ code: BPF_JMP32 | op | BPF_K, dst, imm })
const answer = (allow: boolean): readonly Instruction[] => [alu(BPF_MOV, RESULT, allow ? 1 : 0), { code: BPF_JMP | BPF_EXIT }]

const ANY_ACCESS = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE

/** The conditions of one exception, each of which jumps over `then` where it does not hold, and `then`. */
const block = ({ type, major, minor, access }: DeviceException, allowByDefault: boolean): readonly Instruction[] => {
  const conditions: Instruction[] = [jump(BPF_JNE, TYPE, type === 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR)]
  if (major !== ALL) conditions.push(jump(BPF_JNE, MAJOR, major))
  if (minor !== ALL) conditions.push(jump(BPF_JNE, MINOR, minor))
  if (access !== ANY_ACCESS) {
    // An allowing exception must have all bits of the access, a denying one any of them.
    conditions.push(move(SCRATCH, ACCESS), alu(BPF_AND, SCRATCH, allowByDefault ? access : ANY_ACCESS & ~access))
    conditions.push(jump(allowByDefault ? BPF_JEQ : BPF_JNE, SCRATCH, 0))
  }
  const then = answer(!allowByDefault)
  const length = conditions.length + then.length
  return [...conditions.map((one, i) => ((one.code & 7) === BPF_JMP32 ? { ...one, off: length - i - 1 } : one)), ...then]
}

/** Bytes for loadProgram(): returns 1 to allow, 0 to deny with EPERM. */
export const deviceProgram = ({ allowByDefault, exceptions }: DeviceRules): Uint8Array =>
  encode([
    load(TYPE, BPF_CGROUP_DEV_CTX.access_type),
    move(ACCESS, TYPE),
    alu(BPF_AND, TYPE, 0xffff),
    alu(BPF_RSH, ACCESS, 16),
    load(MAJOR, BPF_CGROUP_DEV_CTX.major),
    load(MINOR, BPF_CGROUP_DEV_CTX.minor),
    ...exceptions.flatMap((exception) => block(exception, allowByDefault)),
    ...answer(allowByDefault),
  ])
