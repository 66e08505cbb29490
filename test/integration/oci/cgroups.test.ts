/** linux.cgroupsPath: where the cgroups of a container are, who is in them, and what is left of them. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { layout, parseProcCgroup } from '../../../runtime/cgroups/layout.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { cgroupsOf, hierarchies } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

/** Every path of a process, in all hierarchies. */
const pathsOf = (pid: number): string[] => [...new Set(parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).values())]

test("init and exec are in the container's cgroup of every hierarchy", { skip }, async (t) => {
  const box = bundle(t)
  const { pid } = await box.up()
  assert.deepEqual(pathsOf(pid), [`/${box.id}`])
  for (const folder of box.cgroupFolders) assert.ok(existsSync(folder), folder)
  await box.must('exec', '--detach', '--pid-file', `${box.folder}/pid`, box.id, 'sleep', '100000')
  assert.deepEqual(pathsOf(Number(readFileSync(`${box.folder}/pid`, 'utf8'))), [`/${box.id}`])
})

test('a path has folders, which are made', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, { id }) => {
    linux.cgroupsPath = `/${id}-parent/deep/container`
  })
  t.after(() => {
    for (const folder of hierarchies())
      for (const path of [`/${box.id}-parent/deep`, `/${box.id}-parent`]) if (existsSync(folder + path)) rmdirSync(folder + path)
  })
  const { pid } = await box.up()
  assert.deepEqual(pathsOf(pid), [`/${box.id}-parent/deep/container`])
})

test('without a path the cgroup has the name of the container, and goes with it', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    delete linux.cgroupsPath
  })
  const { pid } = await box.up()
  for (const path of pathsOf(pid)) assert.match(path, new RegExp(`/${box.id}$`))
  await box.must('delete', '--force', box.id)
  assert.deepEqual(cgroupsOf(box.id), [])
})

test('cgroups that the container made in its own go with it', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  const deep = box.cgroupFolders.flatMap((folder) => [`${folder}/a`, `${folder}/a/b`, `${folder}/c`])
  for (const folder of deep) mkdirSync(folder)
  await box.must('delete', '--force', box.id)
  assert.deepEqual(
    deep.filter((folder) => existsSync(folder)),
    [],
  )
})

test('a cgroup that has processes is refused, and left alone', { skip }, async (t) => {
  const first = bundle(t)
  const { pid } = await first.up()
  const second = bundle(t, ({ linux }) => {
    linux.cgroupsPath = `/${first.id}`
  })
  const result = await second.run(['true'])
  assert.notEqual(result.status, 0)
  assert.match(result.stderr, /container's cgroup is not empty/)
  assert.deepEqual(second.known, [])
  assert.deepEqual(pathsOf(pid), [`/${first.id}`])
  assert.equal((await first.state()).status, 'running')
  second.config.linux.cgroupsPath = `/${second.id}`
})

/** Stops, or lets go, what is in the container's cgroup, by the kernel's own file. */
const freezer = (box: Bundle): [string, string, string] =>
  layout().hierarchies.has('freezer')
    ? [`${box.cgroup('freezer')}/freezer.state`, 'FROZEN', 'THAWED']
    : [`${box.cgroup('')}/cgroup.freeze`, '1', '0']

test('a cgroup that is frozen already is refused', { skip }, async (t) => {
  const box = bundle(t)
  const [file, freeze, thaw] = freezer(box)
  const folder = file.slice(0, file.lastIndexOf('/'))
  mkdirSync(folder)
  writeFileSync(file, freeze)
  const result = await box.run(['true'])
  assert.equal(result.status, 1)
  assert.match(result.stderr, /container's cgroup unexpectedly frozen/)
  if (existsSync(folder)) {
    writeFileSync(file, thaw)
    rmdirSync(folder)
  }
  box.assertNothingLeft()
})

test('exec --cgroup puts a process into a cgroup below', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  const v2 = layout().kind === 'v2'
  mkdirSync(`${box.cgroup('pids')}/sub`)
  const flag = v2 ? 'sub' : 'pids:sub'
  const paths = parseProcCgroup(await box.inside('cat /proc/self/cgroup', ['--cgroup', flag]))
  assert.equal(paths.get(v2 ? '' : 'pids'), '/sub') // seen from the cgroup namespace
  if (!v2) assert.equal(paths.get('devices'), '/')
  for (const [path, reason] of [
    [v2 ? 'missing' : 'pids:missing', /missing.*no such file/i],
    [v2 ? '..' : 'pids:..', /is not a sub cgroup path/],
    ['nosuch:/', v2 ? /nosuch/ : /unknown controller/],
  ] as const) {
    const result = await box.exec(['true'], { flags: ['--cgroup', path] })
    assert.equal(result.status, 255, path)
    assert.match(result.stderr, reason)
  }
})

test('a path out of the hierarchy is refused', { skip: skip || wherryOnly('paths with ..') }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.cgroupsPath = '/../../escape'
  })
  const result = await box.run(['true'])
  assert.match(result.stderr, /linux\.cgroupsPath.*\.\./)
  assert.ok(!existsSync('/sys/fs/escape') && !existsSync('/sys/escape'))
  box.config.linux.cgroupsPath = `/${box.id}`
  box.assertNothingLeft()
})
