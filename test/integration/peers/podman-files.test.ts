/** podman's mounts, names and namespaces with our runtime. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { requires } from '../../support/requires.ts'
import { IMAGE, Podman } from './podman.ts'

describe('podman: files, names and namespaces', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  let shared: string
  before(async () => {
    podman = await Podman.open()
    shared = join(podman.corner.folder, 'shared')
    mkdirSync(shared)
    writeFileSync(join(shared, 'file'), 'of the host\n')
  })
  after(() => podman?.close())

  const out = (options: readonly string[], script: string): string => {
    const { status, stdout, stderr } = podman.container(options, 'sh', '-c', script)
    assert.equal(status, 0, stderr)
    return stdout
  }

  test('--volume can be written to', () => {
    out([`--volume=${shared}:/mnt`], 'echo inside >/mnt/new')
    assert.equal(readFileSync(join(shared, 'new'), 'utf8'), 'inside\n')
  })

  test('--volume …:ro cannot, and its labels are passed over', () => {
    assert.equal(out([`--volume=${shared}:/mnt:ro,z`], 'cat /mnt/file'), 'of the host\n')
    assert.match(podman.container([`--volume=${shared}:/mnt:ro`], 'touch', '/mnt/never').stderr, /Read-only file system/)
  })

  test('--volume of a file', () => {
    assert.equal(out([`--volume=${shared}/file:/etc/hosts.allow:ro`], 'cat /etc/hosts.allow'), 'of the host\n')
  })

  test('a named volume keeps what is written', () => {
    podman.ok('volume', 'create', 'kept')
    out(['--volume=kept:/data'], 'echo kept >/data/file')
    assert.equal(
      out(['--volume=kept:/data:nosuid,nodev,noexec'], 'cat /data/file; grep -o " /data [a-z,]*" /proc/self/mountinfo'),
      'kept\n /data rw,nosuid,nodev,noexec,relatime\n',
    )
    podman.ok('volume', 'rm', 'kept')
  })

  test('--volume …:copy-up of an image’s folder', () => {
    assert.equal(out(['--volume=fresh:/etc'], 'grep -c root /etc/passwd'), '1\n')
    podman.ok('volume', 'rm', 'fresh')
  })

  test('--tmpfs with its size and mode', () => {
    assert.equal(
      out(
        ['--tmpfs=/scratch:size=1m,mode=1700'],
        'stat -c %a /scratch; df -k /scratch | tail -n 1 | tr -s " " | cut -d " " -f 2; grep -o " /scratch [a-z,]*" /proc/self/mountinfo',
      ),
      '1700\n1024\n /scratch rw,nosuid,nodev,relatime\n',
    )
  })

  test('--mount with propagation', () => {
    assert.match(
      out([`--mount=type=bind,source=${shared},destination=/mnt,bind-propagation=private`], 'grep " /mnt " /proc/self/mountinfo'),
      / \/mnt rw,\S+ - /,
    )
    assert.match(
      out([`--mount=type=bind,source=${shared},destination=/mnt,ro=true,relabel=shared`], 'grep " /mnt " /proc/self/mountinfo'),
      / \/mnt ro/,
    )
  })

  test('--workdir, and one that is missing', () => {
    assert.equal(out(['--workdir=/etc'], 'pwd'), '/etc\n')
    const { status, stdout } = podman.container(['--workdir=/made/for/it'], 'pwd')
    assert.deepEqual({ status, stdout }, { status: 126, stdout: '' })
  })

  test('--env and --hostname', () => {
    assert.equal(out(['--env=A=b c', '--hostname=named', '--uts=private'], 'echo "$A"; hostname; cat /etc/hostname'), 'b c\nnamed\nnamed')
  })

  test('/dev has what programs expect', () => {
    assert.equal(
      out(
        [],
        'cd /dev && for f in null zero full random urandom tty; do stat -c "%n %a %t:%T" $f; done; for f in fd stdin ptmx; do readlink $f; done; ls -d shm mqueue pts',
      ),
      'null 666 1:3\nzero 666 1:5\nfull 666 1:7\nrandom 666 1:8\nurandom 666 1:9\ntty 666 5:0\n/proc/self/fd\n/proc/self/fd/0\npts/ptmx\nmqueue\npts\nshm\n',
    )
  })

  test('namespaces of the host, where they are asked for', () => {
    const ns = (name: string, options: readonly string[]) => out(options, `readlink /proc/self/ns/${name}`).trim()
    const outside = (name: string) => podman.corner.run(['readlink', `/proc/self/ns/${name}`]).stdout.trim()
    for (const [name, option] of [
      ['pid', '--pid=host'],
      ['ipc', '--ipc=host'],
      ['uts', '--uts=host'],
      ['cgroup', '--cgroupns=host'],
    ] as const) {
      assert.equal(ns(name, [option]), outside(name), option)
    }
    for (const [name, option] of [
      ['pid', '--pid=private'],
      ['ipc', '--ipc=private'],
      ['uts', '--uts=private'],
      ['cgroup', '--cgroupns=private'],
    ] as const) {
      assert.notEqual(ns(name, [option]), outside(name), option)
    }
  })

  test('namespaces of another container', () => {
    const id = podman.background(['--ipc=shareable', '--hostname=first'], 'sleep', '60')
    const script = 'cd /proc/self/ns && for n in pid net ipc; do readlink $n; done'
    const options = [`--pid=container:${id}`, `--network=container:${id}`, `--ipc=container:${id}`]
    const { stdout, stderr } = podman.run('run', '--rm', `--cgroup-parent=${podman.corner.cgroup}`, ...options, IMAGE, 'sh', '-c', script)
    assert.equal(stdout, podman.ok('exec', id, 'sh', '-c', script), stderr)
    podman.remove(id)
  })

  test('a pod shares its namespaces', () => {
    const pod = podman
      .ok(
        'pod',
        'create',
        '--infra=true',
        `--infra-image=${IMAGE}`,
        '--infra-command=sleep 600',
        '--network=none',
        '--share=net,ipc,uts,pid',
        '--hostname=pod',
        `--cgroup-parent=${podman.corner.cgroup}`,
      )
      .trim()
    podman.ok('run', '--detach', `--pod=${pod}`, '--name=first', IMAGE, 'sleep', '601')
    const script = 'hostname; ps -o args | grep -c "^sleep 60"'
    assert.equal(podman.ok('run', '--rm', `--pod=${pod}`, IMAGE, 'sh', '-c', script), 'pod\n2\n')
    assert.match(podman.ok('generate', 'kube', pod), /kind: Pod/)
    podman.ok('pod', 'stop', '--time=0', pod)
    podman.ok('pod', 'rm', '--force', pod)
  })

  test('a container from a root filesystem without an image', () => {
    const rootfs = join(podman.corner.folder, 'image/rootfs')
    const { stdout } = podman.run('run', '--rm', ...podman.place, '--rootfs', rootfs, 'cat', '/etc/passwd')
    assert.match(stdout, /^root:/)
  })

  test('hooks of the configuration run at their moments', () => {
    const folder = join(podman.corner.folder, 'hooks')
    mkdirSync(folder)
    const stages = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop']
    for (const stage of stages) {
      const log = stage === 'startContainer' ? '/mnt/log' : join(shared, 'log') // it has the container’s files
      const hook = { path: '/bin/sh', args: ['sh', '-c', `echo ${stage} >>${log}; cat >/dev/null`] }
      writeFileSync(join(folder, `${stage}.json`), JSON.stringify({ version: '1.0.0', when: { always: true }, stages: [stage], hook }))
    }
    const options = ['run', '--rm', ...podman.place, `--volume=${shared}:/mnt`, IMAGE]
    const { status, stderr } = podman.run('--hooks-dir', folder, ...options, 'sh', '-c', 'echo process >>/mnt/log')
    assert.equal(status, 0, stderr)
    const lines = readFileSync(join(shared, 'log'), 'utf8').trim().split('\n')
    assert.deepEqual(
      lines.filter((line) => line !== 'process' && line !== 'poststart'),
      ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststop'],
    )
    assert.deepEqual(lines.toSorted(), [...stages, 'process'].toSorted())
  })
})
