/** A classic BPF machine, as much of it as seccomp filters may use (kernel/seccomp.c, seccomp_check_filter). */
import assert from 'node:assert/strict'
import { SECCOMP_DATA } from '../../runtime/sys/abi/seccomp.ts'

/** What a filter sees of a call. */
export interface Call {
  /** AUDIT_ARCH_* */
  readonly arch: number
  readonly nr: number
  readonly args?: readonly (number | bigint)[]
}

const seccompData = ({ arch, nr, args = [] }: Call): DataView => {
  const data = new DataView(new ArrayBuffer(SECCOMP_DATA.size))
  data.setUint32(SECCOMP_DATA.nr, nr, true)
  data.setUint32(SECCOMP_DATA.arch, arch, true)
  for (const [index, arg] of args.entries()) data.setBigUint64(SECCOMP_DATA.args + index * 8, BigInt.asUintN(64, BigInt(arg)), true)
  return data
}

/** The filter's return value; throws on an instruction that the kernel would refuse, or a jump out of the program. */
export const run = (filter: Uint8Array, call: Call): number => {
  assert.equal(filter.length % 8, 0)
  const program = new DataView(filter.buffer, filter.byteOffset, filter.length)
  const data = seccompData(call)
  const memory = new Uint32Array(16)
  let a = 0
  let x = 0
  for (let pc = 0; ; pc++) {
    assert.ok(pc * 8 < filter.length, 'ran off the end')
    const code = program.getUint16(pc * 8, true)
    const jt = program.getUint8(pc * 8 + 2)
    const jf = program.getUint8(pc * 8 + 3)
    const k = program.getUint32(pc * 8 + 4, true)
    const operand = (code & 0x08) !== 0 ? x : k
    const branch = (taken: boolean): void => {
      pc += taken ? jt : jf
    }
    switch (code) {
      case 0x20: // ld [k]
        assert.ok(k % 4 === 0 && k < SECCOMP_DATA.size, `loads ${k}`)
        a = data.getUint32(k, true)
        break
      case 0x00: // ld #k
        a = k
        break
      case 0x60: // ld M[k]
        a = memory[k]!
        break
      case 0x02: // st M[k]
        memory[k] = a
        break
      case 0x07: // tax
        x = a
        break
      case 0x87: // txa
        a = x
        break
      case 0x54: // and
      case 0x5c:
        a = (a & operand) >>> 0
        break
      case 0x05: // ja
        pc += k
        break
      case 0x15: // jeq
      case 0x1d:
        branch(a === operand)
        break
      case 0x25: // jgt
      case 0x2d:
        branch(a > operand)
        break
      case 0x35: // jge
      case 0x3d:
        branch(a >= operand)
        break
      case 0x45: // jset
      case 0x4d:
        branch((a & operand) !== 0)
        break
      case 0x06: // ret #k
        return k
      case 0x16: // ret a
        return a
      default:
        assert.fail(`instruction ${pc} has the code ${code.toString(16)}`)
    }
  }
}

const NAMES: Readonly<Record<number, string>> = {
  2147483648: 'KILL_PROCESS',
  0: 'KILL_THREAD',
  196608: 'TRAP',
  327680: 'ERRNO',
  2143289344: 'NOTIFY',
  2146435072: 'TRACE',
  2147221504: 'LOG',
  2147418112: 'ALLOW',
}

/** `ALLOW`, `ERRNO 38`, `TRACE 7`. */
export const answer = (filter: Uint8Array, call: Call): string => {
  const value = run(filter, call)
  const name = NAMES[(value & 0xffff0000) >>> 0]
  assert.ok(name !== undefined, `returns ${value.toString(16)}`)
  return name === 'ERRNO' || name === 'TRACE' ? `${name} ${value & 0xffff}` : name
}
