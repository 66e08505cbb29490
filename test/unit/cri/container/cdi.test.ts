/** CDI: what specs of devices change in containers. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { cdiEdits } from '../../../../cri/container/cdi/registry.ts'
import { InvalidField } from '../../../../runtime/errors.ts'
import { MARK } from '../../../support/runtime.ts'

const home = mkdtempSync(`${tmpdir()}/${MARK}-cdi-`)
const [low, high] = [`${home}/etc`, `${home}/run`]
for (const folder of [low, high]) mkdirSync(folder)
after(() => rmSync(home, { recursive: true }))

const put = (path: string, document: object | string): void =>
  writeFileSync(path, typeof document === 'string' ? document : JSON.stringify({ cdiVersion: '0.6.0', ...document }))

const edits = (names: readonly string[], annotations: Readonly<Record<string, string>> = {}) =>
  cdiEdits({ CDIDevices: names.map((name) => ({ name })), annotations } as never, [low, high])

const refuses = (work: () => Promise<unknown>, path: string, problem: RegExp): Promise<void> =>
  assert.rejects(work, (error) => error instanceof InvalidField && error.path === path && problem.test(error.message))

put(`${low}/gpu.json`, {
  kind: 'vendor.test/gpu',
  devices: [
    {
      name: '0',
      containerEdits: {
        env: ['GPU=0'],
        deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/null', permissions: 'rw', uid: 5 }],
        additionalGids: [44],
      },
    },
    { name: 'made', containerEdits: { deviceNodes: [{ path: '/dev/gpu-made', type: 'c', major: 240, minor: 7 }] } },
    { name: 'gone', containerEdits: { deviceNodes: [{ path: '/dev/no-such-gpu' }] } },
  ],
  containerEdits: {
    env: ['ALL=1'],
    mounts: [{ hostPath: '/usr/lib', containerPath: '/usr/lib/gpu', options: ['ro', 'bind'] }],
    hooks: [{ hookName: 'createContainer', path: '/usr/bin/hook', args: ['hook', 'x'] }],
  },
})

test('devices bring their own edits and those of their file, once', async () => {
  const found = await edits(['vendor.test/gpu=0', 'vendor.test/gpu=made'])
  assert.deepEqual(found.env, ['ALL=1', 'GPU=0'])
  assert.deepEqual(
    found.devices.map(({ path, type, major, minor, uid, access }) => [path, type, major, minor, uid, access]),
    [
      ['/dev/gpu0', 'c', 1, 3, 5, 'rw'],
      ['/dev/gpu-made', 'c', 240, 7, 0, 'rwm'],
    ],
  )
  assert.deepEqual(found.mounts, [{ hostPath: '/usr/lib', containerPath: '/usr/lib/gpu', options: ['ro', 'bind'] }])
  assert.deepEqual(found.hooks, [['createContainer', { path: '/usr/bin/hook', args: ['hook', 'x'], env: undefined, timeout: undefined }]])
  assert.deepEqual(found.additionalGids, [44])
})

test('by annotations too, each device once', async () => {
  const found = await edits(['vendor.test/gpu=0'], {
    'cdi.k8s.io/plugin_x': 'vendor.test/gpu=0,vendor.test/gpu=made',
    other: 'vendor.test/gpu=gone',
  })
  assert.equal(found.devices.length, 2)
  assert.deepEqual(found.env, ['ALL=1', 'GPU=0'])
})

test('the later folder counts more', async () => {
  put(`${high}/gpu.json`, { kind: 'vendor.test/gpu', devices: [{ name: '0', containerEdits: { env: ['GPU=other'] } }] })
  assert.deepEqual((await edits(['vendor.test/gpu=0'])).env, ['GPU=other'])
  rmSync(`${high}/gpu.json`)
})

test('what cannot be is refused, and says which file is broken', async () => {
  await refuses(() => edits(['x']), 'config.CDI_devices[0].name', /is not vendor\/class=device/)
  await refuses(() => edits(['vendor.test/gpu=9']), 'config.CDI_devices[0].name', /unresolvable CDI device vendor\.test\/gpu=9/)
  await refuses(() => edits(['vendor.test/gpu=gone']), 'config.CDI_devices[0].name', /\/dev\/no-such-gpu does not exist/)
  await refuses(() => edits([], { 'cdi.k8s.io/a': 'y' }), 'config.annotations["cdi.k8s.io/a"]', /is not vendor/)
  put(`${low}/broken.json`, '{')
  put(`${low}/odd.json`, { kind: 'vendor.test/odd', devices: [{ name: 'a', containerEdits: { env: ['=x'] } }] })
  await refuses(
    () => edits(['vendor.test/odd=a']),
    'config.CDI_devices[0].name',
    /broken\.json \(.*odd\.json \(devices\[0\]\.containerEdits\.env\[0\]: must be NAME=value\)/,
  )
  put(`${low}/twice.json`, { kind: 'vendor.test/gpu', devices: [{ name: '0', containerEdits: {} }] })
  await refuses(() => edits(['vendor.test/gpu=0']), 'config.CDI_devices[0].name', /is in several files/)
  for (const name of ['broken', 'odd', 'twice']) rmSync(`${low}/${name}.json`)
})

test('YAML, as vendors’ tools write it', async () => {
  put(
    `${low}/vendor.yaml`,
    `cdiVersion: 0.6.0
kind: vendor.test/yaml
devices:
  - name: "0"
    containerEdits:
      env: [YAML=1]
      deviceNodes:
        - {path: /dev/yaml0, type: c, major: 240, minor: 9, fileMode: 0o600}
`,
  )
  const { env, devices } = await edits(['vendor.test/yaml=0'])
  assert.deepEqual(env, ['YAML=1'])
  assert.deepEqual(
    devices.map(({ path, fileMode }) => [path, fileMode]),
    [['/dev/yaml0', 0o600]],
  )
  const laughs = Array.from({ length: 12 }, (_, index) => `a${index}: &a${index} [${index === 0 ? '0,' : `*a${index - 1},`.repeat(9)}]`)
  put(`${low}/vendor.yaml`, `${laughs.join('\n')}\nkind: vendor.test/yaml\n`)
  await refuses(() => edits(['vendor.test/yaml=0']), 'config.CDI_devices[0].name', /vendor\.yaml \(Excessive alias count/)
  put(`${low}/vendor.yaml`, 'a: [')
  await refuses(() => edits(['vendor.test/yaml=0']), 'config.CDI_devices[0].name', /vendor\.yaml \(/)
  rmSync(`${low}/vendor.yaml`)
})
