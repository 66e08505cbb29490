import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { decodeExit, readExit } from '../../../runtime/keeper/exit.ts'
import { EXIT, EXIT_FLAGS, EXIT_MAGIC } from '../../../runtime/keeper/layout.ts'
import { CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED } from '../../../runtime/sys/abi/wait.ts'

const record = ({ code = CLD_EXITED as number, status = 0, flags = 0, pid = 42, memory = '' } = {}): Buffer => {
  const bytes = Buffer.alloc(EXIT.size)
  bytes.writeBigUInt64LE(EXIT_MAGIC, EXIT.magic)
  bytes.writeUInt32LE(flags, EXIT.flags)
  bytes.writeUInt32LE(memory.length, EXIT.memoryLength)
  bytes.writeInt32LE(code, EXIT.code)
  bytes.writeInt32LE(status, EXIT.status)
  bytes.writeBigInt64LE(BigInt(pid), EXIT.pid)
  bytes.writeBigInt64LE(7n, EXIT.started)
  bytes.writeBigInt64LE(9n, EXIT.ended)
  bytes.writeBigUInt64LE(3n, EXIT.sequence)
  bytes.writeBigUInt64LE(4096n, EXIT.offset)
  bytes.write(memory, EXIT.memory)
  return bytes
}

test('the magic number is WHEXIT, and the size 512', () => {
  assert.equal(record().toString('latin1', 0, 8), 'WHEXIT\0\x01')
  assert.equal(EXIT.size, 512)
})

test('an exit status', () => {
  assert.deepEqual(decodeExit(record({ status: 7 })), {
    exitCode: 7,
    signal: undefined,
    coreDumped: false,
    pid: 42,
    started: 7n,
    ended: 9n,
    oomKills: undefined,
    end: { sequence: 3n, offset: 4096 },
    startFailed: false,
    terminated: false,
    lost: false,
    held: false,
  })
})

test('a signal counts from 128', () => {
  const killed = decodeExit(record({ code: CLD_KILLED, status: 9 }))
  assert.deepEqual([killed?.exitCode, killed?.signal, killed?.coreDumped], [137, 9, false])
  const dumped = decodeExit(record({ code: CLD_DUMPED, status: 11 }))
  assert.deepEqual([dumped?.exitCode, dumped?.signal, dumped?.coreDumped], [139, 11, true])
})

test('oom kills of both cgroup versions', () => {
  assert.equal(decodeExit(record({ memory: 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 5\noom_group_kill 0\n' }))?.oomKills, 5)
  assert.equal(decodeExit(record({ memory: 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n' }))?.oomKills, 2)
  assert.equal(decodeExit(record({ memory: 'oom_kill_disable 0\nunder_oom 0\n' }))?.oomKills, undefined)
})

test('flags', () => {
  for (const [name, flag] of Object.entries(EXIT_FLAGS)) {
    const decoded = decodeExit(record({ flags: flag, pid: 0 }))!
    assert.deepEqual(
      Object.keys(EXIT_FLAGS).filter((other) => decoded[other as keyof typeof EXIT_FLAGS]),
      [name],
    )
    assert.equal(decoded.pid, undefined)
  }
})

test('what is no exit record', () => {
  assert.equal(decodeExit(record().subarray(0, 511)), undefined)
  assert.equal(decodeExit(Buffer.alloc(512)), undefined, 'room that was never filled')
  assert.equal(decodeExit(record({ code: CLD_STOPPED })), undefined)
})

test('a folder with and without one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-exit-'))
  try {
    assert.equal(readExit(folder), undefined)
    writeFileSync(join(folder, 'exit'), record({ status: 3 }))
    assert.equal(readExit(folder)?.exitCode, 3)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
