/** Records of sandboxes and containers: what is on disk is what counts in memory, turns are taken, names are taken once. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema, ContainerMetadataSchema, PodSandboxConfigSchema } from '../../../../cri/api/api_pb.js'
import { claimContainerName, claimSandboxName } from '../../../../cri/state/names.ts'
import { openState, type State } from '../../../../cri/state/open.ts'
import { syscall } from '../../../../runtime/sys/syscall.ts'
import { requires } from '../../../support/requires.ts'
import type { Container, Sandbox } from '../../../../cri/state/types.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wherry-cri-state-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (): State => openState({ root: `${folder}/root`, runRoot: `${folder}/run` })

const sandbox = (id: string, attempt = 0): Sandbox => ({
  version: 1,
  id,
  config: create(PodSandboxConfigSchema, {
    metadata: { name: 'pod', namespace: 'default', uid: 'u', attempt },
    labels: { a: 'b' },
    linux: { resources: { memoryLimitInBytes: 9_007_199_254_740_993n } },
  }),
  runtimeHandler: '',
  created: 1_700_000_000_123_456_789n,
  phase: 'ready',
  boot: 'this',
  addresses: ['10.0.0.1', 'fd00::1'],
})

const container = (id: string, pod: string, name: string): Container => ({
  version: 1,
  id,
  sandbox: pod,
  config: create(ContainerConfigSchema, {
    metadata: create(ContainerMetadataSchema, { name, attempt: 1 }),
    envs: [{ key: 'A', value: Uint8Array.of(0xff, 0x41) }],
  }),
  image: { id: 'sha256:0', ref: 'x@sha256:0', layers: [] },
  created: 1n,
  started: 2n,
  phase: 'running',
  boot: 'this',
})

describe('a table', () => {
  test('is read back as it was, to the nanosecond and the 64th bit', () => {
    const { sandboxes, containers } = open()
    sandboxes.put(sandbox('aa'))
    containers.put(container('cc', 'aa', 'one'), { durable: true })
    const again = open()
    assert.deepEqual(again.sandboxes.list(), [sandbox('aa')])
    assert.deepEqual(again.containers.get('cc'), container('cc', 'aa', 'one'))
    assert.deepEqual(again.torn, { sandboxes: [], containers: [] })
  })

  test('changes fields, and takes away those that are undefined', () => {
    const { sandboxes } = open()
    sandboxes.put({ ...sandbox('aa'), netns: '/run/netns/x' })
    const changed = sandboxes.change('aa', { phase: 'stopped', netns: undefined })
    assert.equal(changed.phase, 'stopped')
    assert.equal('netns' in changed, false)
    assert.deepEqual(open().sandboxes.get('aa'), changed)
    assert.throws(() => sandboxes.change('bb', { phase: 'stopped' }), { kind: 'not-found', message: 'there is no pod sandbox bb' })
  })

  test('counts what has ended also where the disk is full, and nothing else', { skip: requires('root') }, () => {
    const { sandboxes } = open()
    sandboxes.put(sandbox('aa'))
    const path = `${sandboxes.folder('aa')}/.sandbox.json`
    symlinkSync('/dev/full', path)
    // the link is not followed: something else is wrong, and told
    assert.throws(() => sandboxes.note('aa', { phase: 'stopped' }), { code: 'ELOOP' })
    rmSync(path)
    const small = `${folder}/small`
    mkdirSync(small)
    syscall('mount', ['small', small, 'tmpfs', 0, 'size=16k,nr_inodes=20'])
    try {
      const full = openState({ root: small, runRoot: small }).sandboxes
      full.put(sandbox('bb'))
      writeFileSync(`${small}/filler`, Buffer.alloc(4096))
      assert.throws(() => writeFileSync(`${small}/more`, Buffer.alloc(16_384)), { code: 'ENOSPC' })
      assert.throws(() => full.change('bb', { phase: 'removing' }), { code: 'ENOSPC' })
      assert.equal(full.get('bb')?.phase, 'ready')
      assert.equal(full.note('bb', { phase: 'stopped' }).phase, 'stopped')
      assert.equal(full.get('bb')?.phase, 'stopped')
      assert.throws(() => full.put(sandbox('cc', 1)), { code: 'ENOSPC' })
      assert.equal(full.get('cc'), undefined)
      assert.equal(existsSync(full.folder('cc')), false)
    } finally {
      syscall('umount2', [small, 0])
    }
  })

  test('finds by a unique beginning, and names the candidates of another', () => {
    const { sandboxes } = open()
    for (const id of ['abc', 'abd', 'b']) sandboxes.put(sandbox(id, id.length))
    assert.equal(sandboxes.find('abc').id, 'abc')
    assert.equal(sandboxes.find('abd').id, 'abd')
    assert.equal(sandboxes.tryFind('b')?.id, 'b')
    assert.equal(sandboxes.tryFind('c'), undefined)
    assert.equal(sandboxes.tryFind(''), undefined)
    assert.throws(() => sandboxes.find('c'), { kind: 'not-found' })
    assert.throws(() => sandboxes.find('ab'), { kind: 'invalid-argument', message: /abc, abd/ })
  })

  test('removes all that is there of one, again and again', async () => {
    const { sandboxes } = open()
    sandboxes.put(sandbox('aa'))
    mkdirSync(`${sandboxes.folder('aa')}/upper/deep`, { recursive: true })
    mkdirSync(`${sandboxes.run('aa')}/keeper`, { recursive: true })
    await sandboxes.remove('aa')
    await sandboxes.remove('aa')
    assert.deepEqual(readdirSync(`${folder}/root/cri/sandboxes`), [])
    assert.equal(existsSync(sandboxes.run('aa')), false)
    assert.equal(sandboxes.get('aa'), undefined)
  })

  test('tells of folders without a whole document, and refuses what another wherry wrote', () => {
    const { sandboxes } = open()
    sandboxes.put(sandbox('aa'))
    mkdirSync(`${folder}/root/cri/sandboxes/none`)
    mkdirSync(`${folder}/root/cri/sandboxes/torn`)
    writeFileSync(`${folder}/root/cri/sandboxes/torn/sandbox.json`, '{"version":1,')
    assert.deepEqual([...open().torn.sandboxes].sort(), ['none', 'torn'])
    writeFileSync(`${folder}/root/cri/sandboxes/aa/sandbox.json`, '{"version":2}')
    assert.throws(open, { kind: 'unsupported', message: /version 2/ })
  })
})

describe('a turn', () => {
  test('comes in the order in which it was asked for, also after a failure', async () => {
    const { sandboxes } = open()
    const order: string[] = []
    const turn = (name: string) =>
      sandboxes.locked('aa', async () => {
        order.push(`${name} begins`)
        await new Promise(setImmediate)
        order.push(`${name} ends`)
        if (name === 'one') throw new Error('one')
      })
    const [one] = await Promise.allSettled([turn('one'), turn('two'), sandboxes.locked('bb', () => order.push('another'))])
    assert.equal(one.status, 'rejected')
    assert.deepEqual(order, ['one begins', 'another', 'one ends', 'two begins', 'two ends'])
  })

  test('is waited for no longer than the signal lets it', async () => {
    const { sandboxes } = open()
    const controller = new AbortController()
    let release = (): void => {}
    const first = sandboxes.locked('aa', () => new Promise<void>((resolve) => (release = resolve)))
    const second = sandboxes.locked('aa', () => assert.fail('it was aborted'), controller.signal)
    const third = sandboxes.locked('aa', () => 'third')
    controller.abort(new Error('gone'))
    await assert.rejects(second, /gone/)
    release()
    await first
    assert.equal(await third, 'third')
  })
})

describe('names', () => {
  test('of pods are taken while the record is there', async () => {
    const { sandboxes } = open()
    const metadata = sandbox('aa').config.metadata
    claimSandboxName(sandboxes, metadata)
    sandboxes.put({ ...sandbox('aa'), phase: 'making' })
    assert.throws(() => claimSandboxName(sandboxes, metadata), {
      kind: 'already-exists',
      message: 'the name pod_default_u_0 is reserved for aa',
    })
    claimSandboxName(sandboxes, { ...metadata!, attempt: 1 })
    await sandboxes.remove('aa')
    claimSandboxName(sandboxes, metadata)
    assert.throws(() => claimSandboxName(sandboxes, { ...metadata!, uid: '' }), { kind: 'invalid-argument', path: 'config.metadata.uid' })
    assert.throws(() => claimSandboxName(sandboxes, undefined), { path: 'config.metadata' })
  })

  test('of containers are taken in their pod', () => {
    const { containers } = open()
    containers.put(container('cc', 'aa', 'one'))
    const metadata = container('cc', 'aa', 'one').config.metadata
    assert.throws(() => claimContainerName(containers, 'aa', metadata), { kind: 'already-exists', message: /reserved for cc/ })
    claimContainerName(containers, 'bb', metadata)
    claimContainerName(containers, 'aa', { ...metadata!, attempt: 2 })
    assert.throws(() => claimContainerName(containers, 'aa', { ...metadata!, name: '' }), { path: 'config.metadata.name' })
  })
})
