import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceProgram } from '../../../../runtime/cgroups/devices/program.ts'
import { DEFAULT_DEVICES, type DeviceRules, deviceRules } from '../../../../runtime/cgroups/devices/rules.ts'

interface Access {
  readonly type: number
  readonly access: number
  readonly major: number
  readonly minor: number
}

/** Runs the instructions that device programs have, as the kernel's interpreter does. Anything else is an error. */
const run = (program: Uint8Array, { type, access, major, minor }: Access): number => {
  const context = [(access << 16) | type, major, minor]
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const registers = new Array<number | 'context' | undefined>(11).fill(undefined)
  registers[1] = 'context'
  const value = (register: number): number => {
    const content = registers[register]
    if (typeof content !== 'number') throw new Error(`r${register} holds no number`)
    return content
  }
  for (let pc = 0; ; pc++) {
    if (pc * 8 >= code.byteLength) throw new Error('ran off the end')
    const opcode = code.getUint8(pc * 8)
    const dst = code.getUint8(pc * 8 + 1) & 15
    const src = code.getUint8(pc * 8 + 1) >> 4
    const off = code.getInt16(pc * 8 + 2, true)
    const imm = code.getInt32(pc * 8 + 4, true)
    switch (opcode) {
      case 0x61: // dst = *(u32 *)(src + off)
        if (registers[src] !== 'context') throw new Error(`r${src} is no context`)
        registers[dst] = context[off / 4]! >>> 0
        break
      case 0x54:
        registers[dst] = (value(dst) & imm) >>> 0
        break
      case 0x74:
        registers[dst] = value(dst) >>> imm
        break
      case 0xb4:
        registers[dst] = imm >>> 0
        break
      case 0xbc:
        registers[dst] = value(src)
        break
      case 0x16: // if ((u32)dst == imm) pc += off
        if (value(dst) === imm >>> 0) pc += off
        break
      case 0x56:
        if (value(dst) !== imm >>> 0) pc += off
        break
      case 0x95:
        return value(0)
      default:
        throw new Error(`opcode 0x${opcode.toString(16)} at ${pc}`)
    }
  }
}

/** What the rules mean, in words of DeviceRules. */
const expected = ({ allowByDefault, exceptions }: DeviceRules, { type, access, major, minor }: Access): boolean => {
  const matching = exceptions.filter(
    (one) => (one.type === 'b' ? 1 : 2) === type && [-1, major].includes(one.major) && [-1, minor].includes(one.minor),
  )
  if (allowByDefault) return !matching.some((one) => one.access & access)
  return matching.some((one) => (one.access & access) === access)
}

const NUMBERS = [0, 1, 3, 5, 7, 8, 10, 136, 200, 4095, 0x7fffffff, 0xfffff, 0xffffffff]

const check = (rules: DeviceRules): void => {
  const program = deviceProgram(rules)
  for (const type of [1, 2])
    for (let access = 1; access < 8; access++)
      for (const major of NUMBERS)
        for (const minor of NUMBERS) {
          const one = { type, access, major, minor }
          if (run(program, one) !== Number(expected(rules, one))) assert.fail(JSON.stringify({ rules, one }))
        }
}

test('the empty lists: nothing, everything', () => {
  check({ allowByDefault: false, exceptions: [] })
  check({ allowByDefault: true, exceptions: [] })
})

test('the default devices', () => {
  check(deviceRules(DEFAULT_DEVICES))
})

test('every single exception, allowed and denied', () => {
  for (const allow of [true, false])
    for (const type of ['b', 'c'] as const)
      for (const access of ['r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm'])
        for (const major of [-1, 0, 8, 0xffffffff])
          for (const minor of [-1, 3])
            check(
              deviceRules([
                { allow: !allow, access: 'rwm' },
                { allow, type, access, major, minor },
              ]),
            )
})

test('an access must be allowed by one rule as a whole; a denial of a part denies it', () => {
  const O_RDWR = { type: 2, access: 6, major: 10, minor: 200 }
  const split = [
    { allow: true, type: 'c', major: 10, minor: -1, access: 'r' },
    { allow: true, type: 'c', major: 10, minor: 200, access: 'w' },
  ] as const
  assert.equal(run(deviceProgram(deviceRules(split)), O_RDWR), 0)
  const denied = [
    { allow: true, access: 'rwm' },
    { allow: false, type: 'c', major: 10, minor: 200, access: 'w' },
  ] as const
  assert.equal(run(deviceProgram(deviceRules(denied)), O_RDWR), 0)
  assert.equal(run(deviceProgram(deviceRules(denied)), { ...O_RDWR, access: 2 }), 1, 'reading is left')
})

test('many rules', () => {
  check(
    deviceRules(
      Array.from(
        { length: 200 },
        (_, i) => ({ allow: true, type: i % 2 ? 'b' : 'c', major: NUMBERS[i % 13]!, minor: i % 5, access: 'rw' }) as const,
      ),
    ),
  )
})
