/** Propagation of single mounts: what the host mounts there later, and what the container does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { inPrivateMounts } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

/** By option: does a mount of the host come in, does one of the container go out, and what the kernel calls it. */
const KINDS = {
  private: ['no', 'no', /^$/],
  slave: ['yes', 'no', /^master:\d+$/],
  shared: ['yes', 'yes', /^shared:\d+$/],
  unbindable: ['no', 'no', /^unbindable$/],
} as const

const SCRIPT = `
  mkdir "$BUNDLE/source"; mount -t tmpfs source "$BUNDLE/source"; mount --make-shared "$BUNDLE/source"
  for k in ${Object.keys(KINDS).join(' ')}; do mkdir "$BUNDLE/source/host-$k" "$BUNDLE/source/in-$k"; done
  rt run --detach --bundle "$BUNDLE" "$ID" < /dev/null > /dev/null
  mount -t tmpfs of-host "$BUNDLE/source/host-private"
  for k in ${Object.keys(KINDS).join(' ')}; do
    rt exec "$ID" sh -c "mount -t tmpfs of-container /mnt/$k/in-$k; grep -q 'host-private .* of-host' /proc/self/mountinfo; grep -q \\"/mnt/$k/host-private \\" /proc/self/mountinfo && echo yes || echo no; grep ' /mnt/$k ' /proc/self/mountinfo | sed 's/.* rw,relatime //; s/ *- .*//'"
    grep -q "in-$k " /proc/self/mountinfo && echo yes || echo no
  done
  rt delete --force "$ID"
`

test('private, slave, shared and unbindable mounts', { skip }, async (t) => {
  const box = bundle(t, ({ mounts, process, linux }, { folder }) => {
    linux.rootfsPropagation = 'shared' // else runc makes all slaves
    for (const kind of Object.keys(KINDS)) mounts.push({ destination: `/mnt/${kind}`, source: `${folder}/source`, options: ['bind', kind] })
    process.args = shell('exec sleep 100000')
    process.capabilities = { bounding: ['CAP_SYS_ADMIN'], effective: ['CAP_SYS_ADMIN'], permitted: ['CAP_SYS_ADMIN'] }
  })
  const lines = (await inPrivateMounts(box, SCRIPT)).split('\n')
  for (const [index, [kind, [incoming, outgoing, field]]] of Object.entries(KINDS).entries()) {
    const [came, called, went] = lines.slice(index * 3)
    assert.deepEqual([kind, came, went], [kind, incoming, outgoing])
    assert.match(called!, field, kind)
  }
})

test('recursive propagation reaches the mounts below', { skip }, async (t) => {
  const box = bundle(t, ({ mounts, process }, { folder }) => {
    for (const kind of ['rprivate', 'rslave', 'rshared', 'private', 'slave'])
      mounts.push({ destination: `/mnt/${kind}`, source: `${folder}/tree`, options: ['rbind', kind] })
    process.args = shell("grep ' /mnt/[a-z]*/sub ' /proc/self/mountinfo | sort -k5 | sed 's/.* rw,relatime//; s/ *- .*//; s/[0-9]//g'")
  })
  const lines = (
    await inPrivateMounts(
      box,
      'mkdir "$BUNDLE/tree"; mount -t tmpfs tree "$BUNDLE/tree"; mkdir "$BUNDLE/tree/sub"; mount -t tmpfs sub "$BUNDLE/tree/sub"; mount --make-rshared "$BUNDLE/tree"; rt run --bundle "$BUNDLE" "$ID"; echo .',
    )
  ).split('\n')
  // by name: private, rprivate, rshared, rslave, slave; what is not said is as the root is, a slave
  assert.deepEqual(
    lines.map((line) => line.trim()),
    ['master:', '', 'shared: master:', 'master:', 'master:', '.'],
  )
})
