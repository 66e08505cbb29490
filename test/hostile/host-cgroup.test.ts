/** CVE-2022-0492, CVE-2023-25809: a container writes to cgroups of the host, or has the host run its release agent. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { canary } from '../support/attack.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { CGROUP, shell } from '../support/config.ts'
import { hierarchies } from '../support/leftovers.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

/** A cgroup beside the container's, of somebody else. */
const neighbour = (t: TestContext, box: Bundle): string => {
  const name = `${box.id}-neighbour`
  for (const hierarchy of hierarchies()) mkdirSync(`${hierarchy}/${name}`)
  t.after(() => {
    for (const hierarchy of hierarchies()) rmdirSync(`${hierarchy}/${name}`)
  })
  return name
}

for (const [name, options, own] of [
  ['read-only, in a cgroup namespace', ['ro'], true],
  ['to be written to, in a cgroup namespace', ['rw'], true],
  ['read-only, without a cgroup namespace', ['ro'], false],
  ['to be written to, without a cgroup namespace', ['rw'], false],
] as const)
  test(`cgroups mounted ${name}: of others nothing is to be seen`, { skip }, async (t) => {
    const box = bundle(t, ({ mounts, linux }) => {
      mounts.push({ ...structuredClone(CGROUP), options: [...CGROUP.options!.filter((option) => option !== 'ro'), ...options] })
      if (!own) linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'cgroup')
    })
    const other = neighbour(t, box)
    const script = `
      find /sys/fs/cgroup -name release_agent -o -name '*${other}*'
      ls -d /sys/fs/cgroup/*/../${other} /sys/fs/cgroup/*/../../${other} /sys/fs/cgroup/${other} 2>/dev/null
      for f in $(find /sys/fs/cgroup -name cgroup.procs); do echo 0 >$f/../../cgroup.procs; done 2>/dev/null
      for f in $(find /sys/fs/cgroup -name notify_on_release); do echo 1 >$f; done 2>/dev/null
      true`
    assert.equal((await box.run(shell(script))).stdout, '')
  })

test('a read-only mount is read-only all the way down', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push(structuredClone(CGROUP)))
  const script =
    'for f in $(find /sys/fs/cgroup -name cgroup.procs); do echo 0 >$f && echo written; done 2>&1 | grep -v "Read-only file system"; find /sys/fs/cgroup -type d -exec mkdir {}/made \\; 2>&1 | grep -v "Read-only file system"; true'
  assert.equal((await box.run(shell(script))).stdout, '')
})

/** The chain of CVE-2022-0492: a hierarchy mounted in a user namespace, and its release agent set to a program of the container. */
const RELEASE = (evil: string): string => `
  mkdir /tmp/c
  for what in rdma misc memory cpu pids freezer none,name=x; do
    mount -t cgroup -o $what cgroup /tmp/c || continue
    mkdir /tmp/c/x; echo 1 >/tmp/c/x/notify_on_release; echo ${evil} >/tmp/c/release_agent; echo 1 >/tmp/c/notify_on_release
    sh -c 'echo $$ >/tmp/c/x/cgroup.procs'; rmdir /tmp/c/x; umount /tmp/c
  done`

test('a release agent, by way of a user namespace of its own', { skip }, async (t) => {
  const secret = canary(t)
  chmodSync(secret.folder, 0o777)
  const box = bundle(t, (_, made) => {
    writeFileSync(made.in('/evil'), `#!/bin/sh\necho owned >${secret.folder}/owned\n`)
    chmodSync(made.in('/evil'), 0o755)
    writeFileSync(made.in('/attack'), RELEASE(made.in('/evil')))
  })
  await box.run(shell('unshare -U -r -m -C sh /attack; unshare -r -m sh /attack; sh /attack; sleep 0.2; true'))
  assert.ok(!existsSync(`${secret.folder}/owned`))
})

test('a release agent, with CAP_SYS_ADMIN in a user namespace', { skip }, async (t) => {
  const secret = canary(t)
  chmodSync(secret.folder, 0o777)
  const box = bundle(t, ({ linux, process }, made) => {
    writeFileSync(made.in('/evil'), `#!/bin/sh\necho owned >${secret.folder}/owned\n`)
    chmodSync(made.in('/evil'), 0o755)
    writeFileSync(made.in('/attack'), RELEASE(made.in('/evil')))
    linux.namespaces.push({ type: 'user' })
    linux.uidMappings = linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65536 }]
    made.own(100_000)
    for (const set of ['bounding', 'effective', 'permitted'] as const) process.capabilities![set]!.push('CAP_SYS_ADMIN')
  })
  await box.run(shell('sh /attack; unshare -C sh /attack; sleep 0.2; true'))
  assert.ok(!existsSync(`${secret.folder}/owned`))
})
