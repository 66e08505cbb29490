/** exec: another process in a running container. */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { inUserNamespace, shell } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { OURS } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('its status is that of the process, or 255 where there is none', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  for (const [args, status] of [
    [['true'], 0],
    [shell('exit 42'), 42],
    [shell('kill -KILL $$'), 137],
    [['/no/such/program'], 255],
    [['nosuchprogram'], 255],
  ] as const)
    assert.equal((await box.exec(args)).status, status, args.join(' '))
  assert.match(
    (await box.exec(['nosuchprogram'])).stderr.replaceAll('\\"', '"'),
    /exec: "nosuchprogram": executable file not found in \$PATH/,
  )
  assert.equal((await box.state()).status, 'running')
})

test("standard streams are the caller's, arguments arrive as they are", { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  const result = await box.exec(['sh', '-c', 'head -n 1; echo "$@"; echo err >&2', 'sh', '-x', '', 'two words', '--flag'], {
    stdin: '/etc/passwd',
  })
  assert.deepEqual(
    [result.stdout, result.stderr],
    [`${readFileSync('/etc/passwd', 'utf8').split('\n')[0]}\n-x  two words --flag\n`, 'err\n'],
  )
})

test('flags change user, groups, folder and environment', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.env.push('KEPT=1', 'CHANGED=1')
  })
  await box.up()
  assert.equal(
    await box.inside('id -u; id -g; id -G', ['--user', '1000:1001', '--additional-gids', '5', '--additional-gids', '6']),
    '1000\n1001\n1001 5 6',
  )
  assert.equal(await box.inside('id -u; id -g', ['--user', '1000']), '1000\n0')
  assert.equal(await box.inside('pwd', ['--cwd', '/etc']), '/etc')
  assert.equal(await box.inside('echo $KEPT $CHANGED $NEW', ['--env', 'CHANGED=2', '--env', 'NEW=a b']), '1 2 a b')
})

test('a process.json describes all of it', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  const file = `${box.folder}/process.json`
  writeFileSync(
    file,
    JSON.stringify({
      user: { uid: 12, gid: 34, additionalGids: [56], umask: 0o77 },
      args: shell('id -u; id -g; id -G; umask; pwd; echo $X; ulimit -n; grep CapEff /proc/self/status'),
      env: ['PATH=/bin', 'X=y'],
      cwd: '/tmp',
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 77 }],
      capabilities: { bounding: ['CAP_KILL'] },
      noNewPrivileges: true,
    }),
  )
  const expected = `12\n34\n34 56\n${OURS ? '0077' : '0022'}\n/tmp\ny\n77\nCapEff:\t0000000000000000\n`
  assert.equal((await box.must('exec', '--process', file, box.id)).stdout, expected)
  const bad = await box.runtime(['exec', '--process', '/etc/passwd', box.id])
  assert.equal(bad.status, 255)
  if (OURS) assert.match(bad.stderr, /\/etc\/passwd is not JSON/)
})

test('a detached process goes on, and its pid is written down', { skip }, async (t) => {
  const box = bundle(t)
  const { pid: init } = await box.up()
  await box.must('exec', '--detach', '--pid-file', `${box.folder}/pid`, box.id, 'sleep', '12345')
  const pid = Number(readFileSync(`${box.folder}/pid`, 'utf8'))
  assert.notEqual(pid, init)
  assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), 'sleep\x0012345\0')
  const pids = JSON.parse((await box.must('ps', '--format', 'json', box.id)).stdout) as number[]
  assert.deepEqual(
    pids.sort((a, b) => a - b),
    [init, pid].sort((a, b) => a - b),
  )
})

test('it works in a created container, which stays created', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = ['sleep', '100000']
  await box.create()
  assert.equal(await box.inside('echo inside'), 'inside')
  assert.equal((await box.state()).status, 'created')
  await box.must('start', box.id)
})

test('a stopped container is refused', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  const result = await box.exec(['true'])
  assert.equal(result.status, 255)
  assert.match(result.stderr, /cannot exec in a stopped container/)
})

test('in a user namespace its ids are mapped', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    inUserNamespace(config)
    made.own(100_000)
  })
  await box.up()
  assert.equal(
    await box.inside('id -u; touch /tmp/file; stat -c %u /tmp/file; cat /proc/self/uid_map | tr -s " "'),
    '0\n0\n 0 100000 65536',
  )
  assert.equal(await box.inside('id -u', ['--user', '5']), '5')
})

test('the config.json of the bundle is read as it is now', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  box.config.process.env.push('LATER=yes')
  box.config.process.user.uid = 1000
  box.write()
  assert.equal(await box.inside('echo $LATER; id -u'), 'yes\n1000')
})

test('what is executed cannot be overwritten from inside', { skip }, async (t) => {
  const box = bundle(t, ({ process }, made) => {
    writeFileSync(made.in('/attack'), '#!/proc/self/exe\n')
    chmodSync(made.in('/attack'), 0o755)
    process.capabilities = { bounding: ['CAP_DAC_OVERRIDE'], effective: ['CAP_DAC_OVERRIDE'], permitted: ['CAP_DAC_OVERRIDE'] }
  })
  await box.up()
  const attack = await box.exec(['/attack'])
  assert.notEqual(attack.status, 0)
  assert.equal((await box.state()).status, 'running')
  assert.equal(await box.inside('echo unharmed'), 'unharmed')
})
