/** hooks: the six points, the namespaces each runs in, the state on stdin, time-outs and failures. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { type Config, type HookConfig, shell } from '../../support/config.ts'
import { processesOf } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { OURS, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

const POINTS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const
type Point = (typeof POINTS)[number]

/** A hook that runs a script of the host's shell, or for startContainer of the container's. */
const script = (text: string, more: Partial<HookConfig> = {}): HookConfig => ({
  path: '/bin/sh',
  args: ['sh', '-c', text],
  env: ['PATH=/bin:/usr/bin'],
  ...more,
})

/** A folder that is the same on the host and, at /mnt, inside. */
const notes = ({ mounts }: Config, { folder }: Bundle): string => {
  mkdirSync(`${folder}/notes`)
  mounts.push({ destination: '/mnt', source: `${folder}/notes`, options: ['bind'] })
  return `${folder}/notes`
}

const isInside = (point: Point): boolean => point === 'startContainer'

/** A bundle whose hooks note what they are given and where they run. */
const noting = (t: Parameters<typeof bundle>[0]): Bundle =>
  bundle(t, (config, box) => {
    const folder = notes(config, box)
    config.annotations = { 'org.example.key': 'value' }
    config.hooks = Object.fromEntries(
      POINTS.map((point) => {
        const to = isInside(point) ? '/mnt' : folder
        return [
          point,
          [
            script(
              `cat > ${to}/${point}.state; echo ${point} >> ${to}/order; for n in mnt net uts pid; do readlink /proc/self/ns/$n; done > ${to}/${point}.ns; pwd > ${to}/${point}.cwd; ls / > ${to}/${point}.root`,
            ),
          ],
        ]
      }),
    )
    config.process.args = shell('echo process >> /mnt/order; exec sleep 100000')
  })

const read = (box: Bundle, name: string): string => readFileSync(`${box.folder}/notes/${name}`, 'utf8')
const order = (box: Bundle): string[] => (existsSync(`${box.folder}/notes/order`) ? read(box, 'order').trim().split('\n') : [])

test('each runs at its time, in its namespaces, with the state on stdin', { skip }, async (t) => {
  const box = noting(t)
  const { pid } = await box.create()
  // runc runs poststart hooks in create
  assert.deepEqual(
    order(box).filter((line) => OURS || line !== 'poststart'),
    ['prestart', 'createRuntime', 'createContainer'],
  )
  const inside = ['mnt', 'net', 'uts', 'pid'].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`))
  const host = ['mnt', 'net', 'uts', 'pid'].map((name) => readlinkSync(`/proc/self/ns/${name}`))
  await box.must('start', box.id)
  await box.inside('while [ "$(wc -l < /mnt/order)" -lt 6 ]; do sleep 0.05; done')
  const started = order(box)
  assert.deepEqual(
    started.filter((line) => line !== 'poststart'),
    ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'process'],
  )
  if (OURS) assert.ok(started.indexOf('poststart') > started.indexOf('startContainer'))
  await box.must('delete', '--force', box.id)
  assert.equal(order(box).at(-1), 'poststop')
  for (const point of POINTS) {
    const there = point === 'createContainer' || point === 'startContainer'
    assert.deepEqual(read(box, `${point}.ns`).trim().split('\n'), there ? inside : host, point)
    const state = JSON.parse(read(box, `${point}.state`)) as Record<string, unknown>
    assert.deepEqual([state['id'], state['bundle'], state['annotations']], [box.id, box.folder, { 'org.example.key': 'value' }], point)
    assert.match(String(state['ociVersion']), /^1\.2\./)
    // as it is seen where the hook runs
    if (point !== 'poststop') assert.equal(state['pid'], there ? 1 : pid, point)
  }
  assert.match(read(box, 'createContainer.root'), /^home$/m, 'the root is not pivoted yet')
  assert.equal(read(box, 'startContainer.root'), 'bin\ndev\netc\nmnt\nproc\nroot\nrun\nsys\ntmp\n')
})

test('the status in the state', { skip: skip || wherryOnly('creating and created') }, async (t) => {
  const box = noting(t)
  await box.up('exec sleep 100000')
  await box.must('delete', '--force', box.id)
  const status = (point: Point) => (JSON.parse(read(box, `${point}.state`)) as { status: string }).status
  assert.deepEqual(POINTS.map(status), ['created', 'creating', 'creating', 'created', 'running', 'stopped'])
})

test('createContainer starts in the root, where mounts can still be made', { skip }, async (t) => {
  const box = bundle(t, (config) => {
    config.hooks = { createContainer: [script('pwd; mkdir -p mnt/made; mount -t tmpfs by-the-hook mnt/made && touch mnt/made/file')] }
  })
  assert.deepEqual(await box.lines('ls /mnt/made; grep -c by-the-hook /proc/mounts'), ['file', '1'])
})

test('createRuntime reaches the container by its pid', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    const folder = notes(config, made)
    config.hooks = {
      createRuntime: [script(`pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -n ip -o link > ${folder}/links`)],
    }
  })
  await box.probe('true')
  assert.match(read(box, 'links'), /^1: lo: .*\n$/)
})

test('path, args, env', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    const folder = notes(config, made)
    config.process.env.push('OF_PROCESS=1')
    config.hooks = {
      createRuntime: [
        { path: '/bin/sh', args: ['other-name', '-c', `echo "$0|$1|$2" > ${folder}/args`, 'zero', 'o n e', ''], env: ['A=b'] },
        { path: '/usr/bin/env', args: ['env'], env: [] },
        script(`env > ${folder}/env`, { env: ['PATH=/bin', 'A=b', 'EMPTY='] }),
      ],
      startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'env > /mnt/start-env'] }],
    }
  })
  await box.probe('true')
  assert.equal(read(box, 'args'), 'zero|o n e|\n')
  const env = read(box, 'env').split('\n')
  assert.ok(env.includes('A=b') && env.includes('EMPTY='), env.join())
  assert.ok(!env.some((line) => /^(HOME|WHERRY|NODE)/.test(line)), env.join())
  assert.ok(read(box, 'start-env').split('\n').includes('OF_PROCESS=1'), 'without env startContainer has that of the process')
})

for (const point of ['prestart', 'createRuntime', 'createContainer', 'startContainer'] as const)
  test(`a ${point} hook that fails ends the container; later ones do not run`, { skip }, async (t) => {
    const box = bundle(t, (config, made) => {
      const folder = isInside(point) ? '/mnt' : notes(config, made)
      if (isInside(point)) notes(config, made)
      config.hooks = {
        [point]: [
          script(`echo first >> ${folder}/order`),
          script('echo why it failed >&2; exit 3'),
          script(`echo third >> ${folder}/order`),
        ],
        poststop: [script(`echo poststop >> ${made.folder}/notes/order`)],
      }
    })
    const result = await box.run(shell('echo process >> /mnt/order'))
    assert.equal(result.status, OURS || !isInside(point) ? 1 : 255)
    assert.match(result.stderr, new RegExp(`error running ${point} hook #1:`))
    if (OURS) assert.match(result.stderr, /why it failed/)
    assert.ok(!order(box).includes('third') && !order(box).includes('process'), order(box).join())
    assert.equal(order(box)[0], 'first')
    box.assertNothingLeft()
  })

test('a poststart hook that fails fails run, and is a warning for start', {
  skip: skip || wherryOnly('start as the runtime-spec has it'),
}, async (t) => {
  const box = bundle(t, (config) => {
    config.hooks = { poststart: [script('exit 3'), script('exit 0')] }
  })
  const result = await box.run(['sleep', '100000'])
  assert.notEqual(result.status, 0)
  assert.match(result.stderr, /error running poststart hook #0:/)
  box.assertNothingLeft()
  await box.create()
  const started = await box.runtime(['start', box.id])
  assert.equal(started.status, 0)
  assert.match(started.stderr, /level=warning.*error running poststart hook #0:/)
})

test('a poststop hook that fails is a warning: the container is gone, the next one runs', {
  skip: skip || wherryOnly('delete as the runtime-spec has it'),
}, async (t) => {
  const box = bundle(t, (config, made) => {
    const folder = notes(config, made)
    config.hooks = { poststop: [script('exit 3'), script(`echo second >> ${folder}/order`)] }
  })
  await box.up()
  const result = await box.runtime(['delete', '--force', box.id])
  assert.equal(result.status, 0)
  assert.match(result.stderr, /level=warn.*hook #?0/)
  assert.deepEqual(order(box), ['second'])
  box.assertNothingLeft()
})

for (const point of ['createRuntime', 'createContainer', 'startContainer'] as const)
  test(`a ${point} hook that takes longer than its time-out is killed, and has failed`, { skip }, async (t) => {
    const box = bundle(t, (config) => {
      config.hooks = { [point]: [script('exec sleep 100000', { timeout: 1 })] }
    })
    const result = await box.run(['true'])
    assert.equal(result.status, OURS || !isInside(point) ? 1 : 255)
    assert.match(result.stderr, new RegExp(`error running ${point} hook #0:.*time|error running ${point} hook #0:.*killed`))
    assert.deepEqual(processesOf(box.id), [])
    box.assertNothingLeft()
  })

test('a hook that is in time may take its time, and need not read its state', { skip }, async (t) => {
  const box = bundle(t, (config) => {
    const slow = script('exec < /dev/null; sleep 0.3', { timeout: 60 })
    config.hooks = { createRuntime: [slow], createContainer: [slow], startContainer: [{ ...slow, env: ['PATH=/bin'] }] }
  })
  assert.equal(await box.probe('echo ran'), 'ran')
})

test('what is no program is a failure of its hook', { skip }, async (t) => {
  for (const point of ['createRuntime', 'createContainer', 'startContainer'] as const) {
    const box = bundle(t, (config) => {
      config.hooks = { [point]: [{ path: '/no/such/hook' }] }
    })
    await box.refused(new RegExp(`error running ${point} hook #0:.*(ENOENT|no such file)`, 's'))
  }
})

test("startContainer runs under the container's filter and rights", { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    notes(config, made)
    config.process.user = { uid: 1000, gid: 1000 }
    config.process.noNewPrivileges = true
    config.linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
    }
    config.hooks = {
      startContainer: [script('grep -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/self/status > /tmp/rights; mkdir /tmp/x 2> /tmp/error; true')],
    }
  })
  const output = await box.probe('cat /tmp/rights /tmp/error')
  if (OURS) assert.match(output, /^CapEff:\t0{16}\nNoNewPrivs:\t1\nSeccomp:\t2\nmkdir: .*Operation not permitted/)
})

test('hooks see no descriptor of the runtime or of its caller', { skip: skip || wherryOnly('closed descriptors') }, async (t) => {
  const box = bundle(t, (config, made) => {
    const folder = notes(config, made)
    config.hooks = Object.fromEntries(
      (['createRuntime', 'createContainer', 'startContainer', 'poststart'] as const).map((point) => [
        point,
        [script(`ls /proc/self/fd | tr '\\n' ' ' > ${isInside(point) ? '/mnt' : folder}/${point}.fds`)],
      ]),
    )
  })
  const host = openSync('/etc/passwd', 'r')
  await box.probe('sleep 0.1', { fds: [host, null, host], flags: ['--preserve-fds', '1'] })
  closeSync(host)
  // 3 is ls's own
  for (const point of ['createRuntime', 'createContainer', 'startContainer', 'poststart'])
    assert.equal(read(box, `${point}.fds`), '0 1 2 3 ', point)
})
