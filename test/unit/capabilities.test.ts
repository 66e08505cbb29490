import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import {
  CAPABILITY_NAMES,
  allCapabilities,
  capabilityBits,
  capabilityData,
  capabilityHeader,
  capabilityMask,
  capabilityNames,
  lastCapability,
  readCapabilityData,
} from '../../runtime/capabilities.ts'
import { WherryError } from '../../runtime/errors.ts'
import { syscall } from '../../runtime/sys/syscall.ts'

test('names become bits and bits names', () => {
  const names = ['CAP_CHOWN', 'CAP_SYS_ADMIN', 'CAP_CHECKPOINT_RESTORE'] as const
  const mask = capabilityMask(names)
  assert.equal(mask, 1n | (1n << 21n) | (1n << 40n))
  assert.deepEqual(capabilityNames(mask), names)
  assert.deepEqual(capabilityBits(mask), [0, 21, 40])
  assert.equal(capabilityMask([]), 0n)
  assert.deepEqual(capabilityBits(0n), [])
  assert.deepEqual(capabilityNames(capabilityMask(CAPABILITY_NAMES)), CAPABILITY_NAMES)
})

test('names that are none are refused', () => {
  for (const name of ['CAP_NOPE', 'SYS_ADMIN', 'cap_chown', 'toString', '']) {
    assert.throws(
      () => capabilityMask(['CAP_CHOWN', name]),
      (error) =>
        error instanceof WherryError &&
        error.kind === 'invalid-argument' &&
        error.message.startsWith(`${JSON.stringify(name)} is no capability`),
    )
  }
})

test('the kernel says which capability is the last', () => {
  assert.equal(lastCapability(), Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')))
  assert.equal(capabilityBits(allCapabilities()).length, lastCapability() + 1)
})

test('capget(2) reads what /proc/self/status shows, and the data goes there and back', () => {
  const data = Buffer.alloc(24)
  syscall('capget', [capabilityHeader(), data])
  const state = readCapabilityData(data)
  const status = readFileSync('/proc/thread-self/status', 'utf8')
  const shown = (field: string): bigint => BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)![1]}`)
  assert.deepEqual(state, { effective: shown('CapEff'), permitted: shown('CapPrm'), inheritable: shown('CapInh') })
  assert.deepEqual(readCapabilityData(capabilityData(state)), state)
  const mixed = { effective: 0x1_2345_6789n, permitted: 0x1ff_ffff_ffffn, inheritable: 1n << 40n }
  assert.deepEqual(readCapabilityData(capabilityData(mixed)), mixed)
})
