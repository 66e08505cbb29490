import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { execProcess, type ProcessFlags } from '../../../cli/oci/exec-process.ts'
import { parseSubCgroups } from '../../../cli/oci/sub-cgroups.ts'
import { UsageError } from '../../../cli/support/parse.ts'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'

const CONTAINER = {
  terminal: true,
  user: { uid: 1, gid: 2, additionalGids: [100] },
  args: ['sh'],
  env: ['A=1'],
  cwd: '/',
  capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], permitted: ['CAP_KILL'] },
  rlimits: [{ type: 'RLIMIT_NOFILE', hard: 9223372036854775807n, soft: 10 }],
  noNewPrivileges: true,
}

let bundle: string
const write = (name: string, value: unknown): string => {
  const file = join(bundle, name)
  writeFileSync(
    file,
    JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'bigint' ? `#${entry}#` : entry)).replace(/"#(\d+)#"/g, '$1'),
  )
  return file
}
const warn = (message: string): void => assert.fail(message)
const make = (flags: ProcessFlags, ...command: string[]) => execProcess(bundle, command, flags, warn)
const usage = (message: RegExp) => (error: unknown) => error instanceof UsageError && message.test(error.message)

before(() => {
  bundle = mkdtempSync(join(tmpdir(), 'wherry-exec-'))
  write('config.json', { process: CONTAINER })
})
after(() => rmSync(bundle, { recursive: true }))

describe('a command', () => {
  test('runs as config.json says, without a terminal', () => {
    const made = make({}, 'ls', '-l')
    assert.deepEqual(made.args, ['ls', '-l'])
    assert.equal(made.terminal, false)
    assert.deepEqual(made.user.additionalGids, [100])
    assert.equal(made.rlimits![0]!.hard, 9223372036854775807n)
    assert.equal(made.noNewPrivileges, true)
  })

  test('is changed by flags', () => {
    const made = make(
      {
        cwd: '/tmp',
        env: ['B=2', 'A=3'],
        tty: true,
        user: '1000:65534',
        'additional-gids': [7, 8],
        'no-new-privs': false,
        'process-label': 'label',
        apparmor: 'profile',
        cap: ['CAP_CHOWN'],
      },
      'id',
    )
    assert.equal(made.cwd, '/tmp')
    assert.deepEqual(made.env, ['A=1', 'B=2', 'A=3'])
    assert.equal(made.terminal, true)
    assert.deepEqual([made.user.uid, made.user.gid, made.user.additionalGids], [1000, 65534, [100, 7, 8]])
    assert.equal(made.noNewPrivileges, false)
    assert.deepEqual([made.selinuxLabel, made.apparmorProfile], ['label', 'profile'])
    for (const set of ['bounding', 'effective', 'permitted'] as const) assert.deepEqual(made.capabilities![set], ['CAP_KILL', 'CAP_CHOWN'])
    assert.equal(made.capabilities!.ambient, undefined, 'nothing is inheritable')
  })

  test('--user without a group keeps the group', () => {
    const { uid, gid } = make({ user: '5' }, 'id').user
    assert.deepEqual([uid, gid], [5, 2])
  })

  test('--cap raises ambient ones where something is inheritable', () => {
    write('config.json', { process: { ...CONTAINER, capabilities: { inheritable: ['CAP_KILL'] } } })
    const made = make({ cap: ['CAP_KILL'] }, 'id')
    write('config.json', { process: CONTAINER })
    assert.deepEqual(made.capabilities, {
      bounding: ['CAP_KILL'],
      effective: ['CAP_KILL'],
      permitted: ['CAP_KILL'],
      inheritable: ['CAP_KILL'],
      ambient: ['CAP_KILL'],
    })
  })

  test('must be there, with ids that are numbers', () => {
    assert.throws(() => make({}), usage(/^exec args cannot be empty/))
    assert.throws(() => make({ user: 'root' }, 'id'), usage(/--user: "root" is not a numeric id/))
    assert.throws(() => make({ user: '0:wheel' }, 'id'), usage(/"wheel"/))
    assert.throws(() => make({ user: '4294967295' }, 'id'), usage(/not a numeric id/))
    assert.throws(() => make({ 'additional-gids': [-1] }, 'id'), usage(/-1 is not a numeric id/))
    assert.throws(
      () => make({ cwd: 'relative' }, 'id'),
      (error: unknown) => error instanceof InvalidField && error.path === 'process.cwd',
    )
  })
})

describe('--process', () => {
  test('stands alone, but what it leaves open is the container’s', () => {
    const file = write('process.json', { user: { uid: 3 }, args: ['true'], cwd: '/', terminal: true })
    const made = make({ process: file, user: '9', env: ['IGNORED=1'] })
    assert.deepEqual([made.args, made.user.uid, made.terminal, made.env], [['true'], 3, true, undefined])
    assert.deepEqual(made.capabilities!.bounding, ['CAP_KILL'])
    assert.equal(made.rlimits!.length, 1)
    assert.equal(made.noNewPrivileges, undefined, 'false unless it says so')
  })

  test('empty capabilities are none, not the container’s', () => {
    const file = write('process.json', { args: ['true'], cwd: '/', capabilities: {} })
    assert.deepEqual(make({ process: file }).capabilities, {})
  })

  test('a file that is no process is refused', () => {
    writeFileSync(join(bundle, 'bad.json'), '{')
    assert.throws(
      () => make({ process: join(bundle, 'bad.json') }),
      (error: unknown) => error instanceof WherryError && /bad\.json is not JSON$/.test(error.message),
    )
    const file = write('process.json', { cwd: '/' })
    assert.throws(
      () => make({ process: file }),
      (error: unknown) => error instanceof InvalidField && error.path === `${file}.args`,
    )
  })
})

test('--cgroup is a path for v2, or controllers and a path', () => {
  assert.deepEqual(parseSubCgroups([]), {})
  assert.deepEqual(parseSubCgroups(['sub']), { '': 'sub' })
  assert.deepEqual(parseSubCgroups(['memory:a', 'cpu,cpuacct:b:c']), { memory: 'a', cpu: 'b:c', cpuacct: 'b:c' })
  assert.throws(() => parseSubCgroups(['a', 'b']), usage(/missing <controller>: prefix/))
  assert.throws(() => parseSubCgroups([':a']), usage(/empty <controller> prefix/))
  assert.throws(() => parseSubCgroups(['cpu:a', 'cpu:b']), usage(/controller cpu specified multiple times/))
})
