/** The bytes of the interpreter loops are what binutils makes of their assembly. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { CODE, DATA, OP, PAGE } from '../../../runtime/program/layout.ts'
import { LOOP_ARM64 } from '../../../runtime/program/loop/arm64.ts'
import { LOOP_X64 } from '../../../runtime/program/loop/x64.ts'
import { syscallNumber } from '../../../runtime/sys/abi/syscalls.ts'

const LOOPS = [
  { arch: 'x64', bytes: LOOP_X64, machine: 'x86-64' },
  { arch: 'arm64', bytes: LOOP_ARM64, machine: 'aarch64' },
] as const

const source = (arch: string): string => fileURLToPath(new URL(`../../../runtime/program/loop/${arch}.s`, import.meta.url))

const works = (program: string): boolean => spawnSync(program, ['--version']).status === 0

/** `prefix` of binutils that make code for `machine`: none where the machine itself is one. */
const binutilsFor = (machine: string): string | undefined => {
  const own = { x64: 'x86-64', arm64: 'aarch64' }[process.arch as string]
  if (machine === own && works('as') && works('objcopy')) return ''
  const prefix = `${machine.replace('x86-64', 'x86_64')}-linux-gnu-`
  return works(`${prefix}as`) && works(`${prefix}objcopy`) ? prefix : undefined
}

const command = (program: string, ...args: string[]): void => {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

for (const { arch, bytes, machine } of LOOPS) {
  const prefix = binutilsFor(machine)
  test(`loop/${arch}.ts is what loop/${arch}.s assembles to`, { skip: prefix === undefined && `requires binutils for ${machine}` }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'wherry-loop-'))
    try {
      const [object, code] = [join(folder, 'loop.o'), join(folder, 'loop.bin')]
      command(`${prefix}as`, '-o', object, source(arch))
      command(`${prefix}objcopy`, '-O', 'binary', '-j', '.text', object, code)
      const assembled = readFileSync(code)
      // as(1) fills a section up to its alignment
      assert.equal(assembled.subarray(0, bytes.length).toString('hex'), Buffer.from(bytes).toString('hex'))
      assert.ok(assembled.subarray(bytes.length).length < 16)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test(`loop/${arch}.s names the layout of layout.ts`, () => {
    const text = readFileSync(source(arch), 'utf8')
    const has = (pattern: RegExp, what: string) => assert.match(text, pattern, what)
    const high = (address: number) => `0x${(address >>> 16).toString(16)}`
    if (arch === 'x64') {
      has(new RegExp(`mov\\s+ebx, 0x${DATA.toString(16)}\\b`), 'DATA')
      has(new RegExp(`mov\\s+ecx, 0x${PAGE.toString(16)}\\b`), 'PAGE')
      for (const offset of [OP.result, OP.positive, OP.zero, OP.negative, OP.width, OP.indirect])
        has(new RegExp(`\\[rbx \\+ ${offset}\\]`), `${offset}`)
      has(new RegExp(`mov\\s+eax, ${syscallNumber('exit_group', arch)}\\b`), 'exit_group')
    } else {
      has(new RegExp(`movz\\s+x19, #${high(DATA)}, lsl #16`), 'DATA')
      has(new RegExp(`movk\\s+x19, #0x${(DATA & 0xffff).toString(16)}\\b`), 'DATA')
      has(new RegExp(`movz\\s+x9, #${high(PAGE)}, lsl #16`), 'PAGE')
      for (const offset of [OP.result, OP.positive, OP.zero, OP.negative, OP.width, OP.indirect])
        has(new RegExp(`\\[x19, #${offset}\\]`), `${offset}`)
      has(new RegExp(`mov\\s+x8, #${syscallNumber('exit_group', arch)}\\b`), 'exit_group')
    }
  })
}

test('code, data and page do not overlap and lie below 4 GiB', () => {
  assert.ok(PAGE + 0x10000 <= CODE && CODE + 0x10000 <= DATA)
  assert.ok(DATA < 2 ** 32)
})
