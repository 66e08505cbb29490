/** The executable's headers, by our own reading of elf(5) and by readelf(1). */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { CODE, DATA, DATA_OFFSET, OP } from '../../../runtime/program/layout.ts'
import { link } from '../../../runtime/program/link.ts'
import { LOOP_ARM64 } from '../../../runtime/program/loop/arm64.ts'
import { LOOP_X64 } from '../../../runtime/program/loop/x64.ts'
import type { Arch } from '../../../runtime/sys/abi/syscalls.ts'

const LARGEST_PAGE = 0x10000
const BUFFER = 100_000

const elf = (arch: Arch): Buffer => {
  const program = new Program(arch)
  const buffer = program.buffer(BUFFER)
  program.call('read', [0, buffer, BUFFER])
  program.call('write', [1, 'text', 4])
  program.exit(0)
  return Buffer.from(link(program).elf)
}

const segments = (file: Buffer) =>
  Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = Number(file.readBigUInt64LE(32)) + index * file.readUInt16LE(54)
    const word = (offset: number) => Number(file.readBigUInt64LE(at + offset))
    return {
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + 4),
      offset: word(8),
      address: word(16),
      fileSize: word(32),
      memorySize: word(40),
      align: word(48),
    }
  })

for (const [arch, machine, loop] of [
  ['x64', 62, LOOP_X64],
  ['arm64', 183, LOOP_ARM64],
] as const) {
  test(`${arch}: a static executable of one segment of code, one of data and a stack that cannot be executed`, () => {
    const file = elf(arch)
    assert.equal(file.toString('latin1', 0, 4), '\x7fELF')
    assert.deepEqual([...file.subarray(4, 8)], [2, 1, 1, 0])
    assert.equal(file.readUInt16LE(16), 2, 'ET_EXEC')
    assert.equal(file.readUInt16LE(18), machine)
    const [code, data, stack, ...more] = segments(file)
    assert.deepEqual(more, [])
    const [R, W, X] = [4, 2, 1]
    assert.deepEqual([code!.type, code!.flags, code!.address, code!.offset], [1, R | X, CODE, 0])
    assert.deepEqual([data!.type, data!.flags, data!.address, data!.offset], [1, R | W, DATA, DATA_OFFSET])
    assert.deepEqual([stack!.type, stack!.flags], [0x6474e551, R | W], 'PT_GNU_STACK')
    for (const { offset, address, align, fileSize, memorySize } of [code!, data!]) {
      assert.equal(align, LARGEST_PAGE)
      assert.equal(offset % LARGEST_PAGE, address % LARGEST_PAGE)
      assert.ok(fileSize <= memorySize)
      assert.ok(offset + fileSize <= file.length)
    }
    const entry = Number(file.readBigUInt64LE(24))
    assert.deepEqual(file.subarray(entry - CODE, entry - CODE + loop.length), Buffer.from(loop))
    assert.ok(entry - CODE + loop.length <= code!.fileSize && code!.fileSize <= DATA_OFFSET)
  })

  test(`${arch}: zeros take no room in the file`, () => {
    const file = elf(arch)
    const [, data] = segments(file)
    assert.ok(data!.memorySize >= data!.fileSize + BUFFER)
    assert.ok(file.length < DATA_OFFSET + 3 * OP.size + 64)
  })

  const readelf = spawnSync('readelf', ['--version']).status === 0
  test(`${arch}: readelf finds nothing to complain of`, { skip: !readelf && 'requires binutils' }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'wherry-elf-'))
    try {
      writeFileSync(join(folder, 'program'), elf(arch))
      const { stdout, stderr, status } = spawnSync('readelf', ['-hlW', join(folder, 'program')], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C' },
      })
      assert.equal(status, 0)
      assert.equal(stderr, '')
      assert.match(stdout, arch === 'x64' ? /Machine:\s+Advanced Micro Devices X86-64/ : /Machine:\s+AArch64/)
      assert.match(stdout, /Type:\s+EXEC/)
      assert.match(stdout, /Number of program headers:\s+3\n/)
      assert.match(stdout, /LOAD\s+0x000000 0x0*400000 .* R E 0x10000/)
      assert.match(stdout, /LOAD\s+0x001000 0x0*801000 .* RW {2}0x10000/)
      assert.match(stdout, /GNU_STACK .* RW /)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
