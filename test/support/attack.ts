/** What the attackers of test/hostile have in common: a secret of the host that they must not get at, and programs of their own. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Program } from '../../runtime/program/assembler.ts'
import { link } from '../../runtime/program/link.ts'
import type { Operand } from '../../runtime/program/operand.ts'
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY } from '../../runtime/sys/abi/fcntl.ts'
import { errnoName } from '../../runtime/sys/abi/errno.ts'
import type { SyscallName } from '../../runtime/sys/abi/syscalls.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import type { Bundle } from './bundle.ts'
import { MARK } from './runtime.ts'

/** A folder of the host with a file that no container knows of. */
export interface Canary {
  readonly folder: string
  readonly file: string
  readonly text: string
}

/** The canary must be alive when the test ends: untouched, and alone in its folder. */
export const canary = (t: TestContext): Canary => {
  const folder = mkdtempSync(join(tmpdir(), `${MARK}-canary-`))
  chmodSync(folder, 0o755)
  const file = join(folder, 'canary')
  const text = `canary ${process.hrtime.bigint()}`
  writeFileSync(file, text, { mode: 0o666 })
  t.after(() => {
    try {
      assert.deepEqual(readdirSync(folder), ['canary'])
      assert.equal(readFileSync(file, 'utf8'), text)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  return { folder, file, text }
}

/** Asserts that nothing a container said has the canary in it. */
export const assertUnseen = ({ text }: Canary, ...said: readonly string[]): void => {
  for (const one of said) assert.ok(!one.includes(text), `the container has read the canary: ${one}`)
}

export interface Attempt {
  readonly call: SyscallName
  readonly args: (p: Program) => readonly Operand[]
}

const RESULTS = '/tmp/results'

/** Writes an executable to `path` of the root filesystem that makes each call and writes the results down, eight bytes each. */
export const writePayload = (box: Bundle, path: string, attempts: readonly Attempt[]): void => {
  const p = new Program(ARCH)
  const file = p.call('openat', [AT_FDCWD, RESULTS, O_CREAT | O_WRONLY | O_TRUNC, 0o600], { negative: 'next' })
  for (const { call, args } of attempts) {
    const result = p.call(call, args(p), { negative: 'next' })
    p.call('write', [file, result.ref, 8], { negative: 'next' })
  }
  p.exit(0)
  writeFileSync(box.in(path), link(p).elf, { mode: 0o755 })
}

/** What the payload wrote down: `EPERM`, or `ok`. */
export const outcomes = (box: Bundle): string[] => {
  const bytes = readFileSync(box.in(RESULTS))
  return Array.from({ length: bytes.length / 8 }, (_, index) => {
    const result = Number(bytes.readBigInt64LE(index * 8))
    return result < 0 ? errnoName(-result) : 'ok'
  })
}
