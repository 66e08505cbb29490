/** wherry diff, export and commit: what a container has written, shown, packed and made an image. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Containers } from '../../support/cli-containers.ts'
import { has, requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let w: Containers

/** Everything that a layer has a word for. */
const SCRIPT = `
  mkdir -p /srv/new/deep /opt; echo one > /srv/new/file; ln /srv/new/file /srv/new/hard; ln -s file /srv/new/soft
  chmod 4711 /srv/new/file; chown 12:34 /srv/new/deep; mkfifo /srv/new/fifo; mknod /srv/new/node c 1 3
  rm /etc/group; echo more >> /etc/passwd; rm -r /mnt; mkdir /mnt; echo fresh > /mnt/fresh; chmod 711 /root
  touch -d '2001-02-03 04:05:06' /srv/new/file /srv/new; echo ready; sleep 1000`

before(async () => {
  if (skip) return
  w = await Containers.open()
  await w.startShell('made', SCRIPT, ['--env', 'A=1', '--label', 'l=m', '--workdir', '/tmp', '-v', 'vol:/data'])
  for (let logs = ''; !logs.includes('ready'); logs = await w.ok('logs', 'made'));
})
after(async () => await w?.close())

test('diff tells what is added, changed and deleted, and nothing of mount points', { skip }, async () => {
  const lines = (await w.ok('diff', 'made')).trim().split('\n')
  assert.deepEqual(lines, [
    'A /data',
    'C /etc',
    'D /etc/group',
    'C /etc/passwd',
    'C /mnt',
    'A /mnt/fresh',
    'A /opt',
    'C /root',
    'A /srv',
    'A /srv/new',
    'A /srv/new/deep',
    'A /srv/new/fifo',
    'A /srv/new/file',
    'A /srv/new/hard',
    'A /srv/new/node',
    'A /srv/new/soft',
  ])
  const json = JSON.parse(await w.ok('diff', '--format', 'json', 'made')) as Record<string, string[]>
  assert.deepEqual(json['deleted'], ['/etc/group'])
  await w.ok('create', '--name', 'idle', '--network', 'none', 'busybox', 'true')
  assert.equal(await w.ok('diff', 'idle'), '')
  assert.match(await w.fails(['diff', 'nobody']), /there is no container "nobody"/)
})

const describeTree = (folder: string): string => {
  const { stdout, status, stderr } = spawnSync('find', ['.', '-printf', '%p %y %m %U:%G %s %l %n\n'], { cwd: folder, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  // sizes and counts of folders are the file system’s
  return stdout
    .replace(/^(\S+ d \S+ \S+) .*$/gm, '$1')
    .split('\n')
    .sort()
    .join('\n')
}

const unpacked = (archive: string, name: string): string => {
  const folder = w.path(name)
  mkdirSync(folder)
  const { status, stderr } = spawnSync('tar', ['-C', folder, '-xpf', archive, '--numeric-owner', '--same-owner'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return folder
}

test('export writes what the container sees, without volumes', { skip }, async () => {
  await w.ok('export', '-o', w.path('made.tar'), 'made')
  const folder = unpacked(w.path('made.tar'), 'exported')
  const there = describeTree(folder)
  assert.match(there, /^\.\/srv\/new\/hard f 4711 0:0 4 {2}2$/m)
  assert.match(there, /^\.\/srv\/new\/deep d 755 12:34$/m)
  assert.match(there, /^\.\/srv\/new\/node c /m)
  assert.match(there, /^\.\/data d /m)
  assert.doesNotMatch(there, /group|data\//)
  assert.equal(readFileSync(`${folder}/mnt/fresh`, 'utf8'), 'fresh\n')
})

test('commit makes an image that runs, with the same files, and the same layer each time', { skip }, async () => {
  const flags = ['--author', 'me', '--message', 'why', '--change', 'CMD ["cat", "/srv/new/file"]', '--change', 'ENV B=2']
  const id = (await w.ok('commit', '--quiet', ...flags, '--iidfile', w.path('iid'), 'made', 'made:1')).trim()
  assert.equal(readFileSync(w.path('iid'), 'utf8'), id)
  assert.equal(await w.ok('run', '--rm', '--network', 'none', 'made:1'), 'one\n')
  const seen = await w.ok(
    'run',
    '--rm',
    '--network',
    'none',
    'made:1',
    'sh',
    '-c',
    'pwd; echo $A$B; ls /mnt /etc/group 2>&1; stat -c %Y /srv/new /srv/new/file',
  )
  assert.equal(seen, '/tmp\n12\nls: /etc/group: No such file or directory\n/mnt:\nfresh\n981173106\n981173106\n')
  const [image] = JSON.parse(await w.ok('image', 'inspect', 'made:1')) as [
    { Author: string; Comment: string; Config: { Labels: Record<string, string> }; RootFS: { Layers: string[] } },
  ]
  assert.deepEqual([image.Author, image.Config.Labels], ['me', { l: 'm' }])
  assert.equal(image.RootFS.Layers.length, 2)
  await w.ok('commit', '--quiet', 'made', 'made:2')
  const [again] = JSON.parse(await w.ok('image', 'inspect', 'made:2')) as [typeof image]
  assert.deepEqual(again.RootFS.Layers, image.RootFS.Layers)
  await w.ok('image', 'export', '-o', w.path('image.tar'), 'made:1')
  assert.equal(describeTree(unpacked(w.path('image.tar'), 'of-image')), withoutMountPoints(describeTree(w.path('exported'))))
  assert.equal((await w.ok('ps', '--format', '{{.State}}', '--filter', 'name=made')).trim(), 'running')
})

/** Files that a run needs in their places, and the image has not. */
const withoutMountPoints = (tree: string): string =>
  tree
    .split('\n')
    .filter((line) => !/^\.\/etc\/(hosts|hostname|resolv\.conf) /.test(line))
    .join('\n')

test('a commit of a commit, of one that was not started, and of one that runs on', { skip }, async () => {
  await w.ok('commit', '--quiet', 'idle', 'idle:1')
  assert.equal((await w.run(['run', '--rm', '--network', 'none', 'idle:1'])).status, 0)
  await w.ok('run', '--name', 'second', '--network', 'none', 'made:1', 'rm', '-r', '/srv')
  await w.ok('commit', '--quiet', '--pause=false', 'second', 'second')
  assert.match(await w.fails(['run', '--rm', '--network', 'none', 'second', 'ls', '/srv'], 1), /No such file/)
  await w.ok('rmi', '--force', 'made:1')
  assert.match(await w.fails(['run', '--rm', '--network', 'none', 'second', 'ls', '/srv'], 1), /No such file/)
  await w.ok('commit', '--quiet', 'second', 'third')
})

test('other tools read it', { skip: skip || (has('skopeo') && has('umoci') ? false : requires('skopeo', 'umoci')) }, async () => {
  const layout = w.path('layout')
  const copied = spawnSync('skopeo', ['--insecure-policy', 'copy', `oci:${w.root}:docker.io/library/made:2`, `oci:${layout}:made`], {
    encoding: 'utf8',
  })
  assert.equal(copied.status, 0, copied.stderr)
  const opened = spawnSync('umoci', ['raw', 'unpack', '--image', `${layout}:made`, w.path('umoci')], { encoding: 'utf8' })
  assert.equal(opened.status, 0, opened.stderr)
  assert.equal(describeTree(w.path('umoci')), withoutMountPoints(describeTree(w.path('exported'))))
})

test('what cannot be is refused', { skip }, async () => {
  assert.match(await w.fails(['commit', 'made', 'Bad:Name']), /Bad:Name/)
  assert.match(await w.fails(['commit', '-c', 'NONSENSE x', 'made', 'x']), /NONSENSE/)
  assert.equal((await w.ok('images', '--quiet', 'x')).trim(), '')
  await w.ok('create', '--name', 'bare', '--network', 'none', '--rootfs', w.path('exported'), 'true')
  assert.match(await w.fails(['commit', 'bare']), /was made with --rootfs and has no layers/)
  assert.match(await w.fails(['diff', 'bare']), /was made with --rootfs/)
  await w.ok('export', '-o', w.path('bare.tar'), 'bare')
  assert.equal(describeTree(unpacked(w.path('bare.tar'), 'of-bare')), describeTree(w.path('exported')))
})

test('commits and exports are events', { skip }, async () => {
  const events = w.eventsOf('made')
  assert.match(events, /"action":"commit"/)
  assert.match(events, /"action":"export"/)
})
