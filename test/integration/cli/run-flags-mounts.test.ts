/** Flags of run about mounts, asserted by what is seen in the container and on the machine. */
import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { mountsOf } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'

describe('flags of wherry run: mounts', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers
  let host: string

  before(async () => {
    wherry = await Containers.open()
    host = wherry.path('host')
    mkdirSync(`${host}/sub/deep`, { recursive: true })
    writeFileSync(`${host}/file`, 'of the machine\n')
    chownSync(`${host}/file`, 1000, 1000)
    symlinkSync('/etc', `${host}/link`)
  })
  after(async () => {
    await wherry.close()
    assert.deepEqual(mountsOf(wherry.folder), [])
  })

  const shell = (flags: readonly string[], script: string): Promise<string> =>
    wherry.ok('run', '--rm', '--network', 'none', ...flags, IMAGE, 'sh', '-c', script)
  const fails = (flags: readonly string[]): Promise<string> =>
    wherry.fails(['run', '--rm', '--network', 'none', ...flags, IMAGE, 'true'], 125)
  /** The options of a mount in the container. */
  const optionsOf = async (target: string, flags: readonly string[]): Promise<readonly string[]> =>
    (await shell(flags, `grep " ${target} " /proc/self/mountinfo | tail -n 1 | cut -d " " -f 6`)).trim().split(',')

  test('--volume binds files and folders, read-only too', async () => {
    assert.equal(
      await shell(['-v', `${host}:/h`, '-v', `${host}/file:/f:ro`], 'cat /h/file /f; echo new > /h/new; echo x > /f || echo refused'),
      'of the machine\nof the machine\nrefused\n',
    )
    assert.equal(readFileSync(`${host}/new`, 'utf8'), 'new\n')
    const options = await optionsOf('/h', ['-v', `${host}:/h:ro,noexec,nosuid,nodev`])
    for (const option of ['ro', 'noexec', 'nosuid', 'nodev']) assert.ok(options.includes(option), option)
    assert.equal((await wherry.run(['run', '--rm', '--network', 'none', '-v', './host:/h', IMAGE, 'ls', '/h/file'])).stdout, '/h/file\n')
  })

  test('--volume makes a source that is missing, --mount does not', async () => {
    await shell(['-v', `${host}/made/here:/m`], 'echo x > /m/file')
    assert.equal(statSync(`${host}/made/here/file`).isFile(), true)
    assert.match(
      await fails(['--mount', `type=bind,src=${host}/missing,dst=/m`]),
      /mount .*\/missing on \/m: the source does not exist: make it, or use --volume/,
    )
    assert.equal(existsSync(`${host}/missing`), false)
    await shell(['--mount', `type=bind,src=${host}/missing,dst=/m,bind-create-src`], 'true')
    assert.equal(existsSync(`${host}/missing`), true)
  })

  test('what is mounted below a source comes along, and is read-only with it, unless that is not wanted', async () => {
    const { spawnSync } = await import('node:child_process')
    const inside = `mount --make-rprivate / && mount -t tmpfs below ${host}/sub && echo below > ${host}/sub/file && exec "$@"`
    const see = (mount: string, script: string): string => {
      const argv = ['run', '--rm', '--network', 'none', '--mount', mount, IMAGE, 'sh', '-c', script]
      const { stdout, stderr, status } = spawnSync(
        'unshare',
        ['--mount', 'sh', '-c', inside, 'sh', `${import.meta.dirname}/../../../bin/wherry`, ...argv],
        {
          encoding: 'utf8',
          env: { ...process.env, ...wherry.env },
        },
      )
      assert.equal(status, 0, stderr)
      return stdout
    }
    const write = 'ls /h/sub; echo x 2>/dev/null > /h/sub/new && echo written || echo refused'
    assert.equal(see(`type=bind,src=${host},dst=/h`, write), 'file\nwritten\n')
    assert.equal(see(`type=bind,src=${host},dst=/h,ro`, write), 'file\nrefused\n')
    assert.equal(see(`type=bind,src=${host},dst=/h,ro,bind-recursive=writable`, write), 'file\nwritten\n')
    assert.equal(see(`type=bind,src=${host},dst=/h,bind-recursive=disabled`, 'ls /h/sub'), 'deep\n')
  })

  test('propagation is as wanted, and needs a source that has it', async () => {
    const { spawnSync } = await import('node:child_process')
    const run = (shared: string, mount: string) =>
      spawnSync(
        'unshare',
        [
          ...['--mount', 'sh', '-c', `mount --bind ${host} ${host} && mount --make-${shared} ${host} && exec "$@"`, 'sh'],
          ...[`${import.meta.dirname}/../../../bin/wherry`, 'run', '--rm', '--network', 'none', '-v', mount, IMAGE],
          ...['sh', '-c', 'grep " /h " /proc/self/mountinfo'],
        ],
        { encoding: 'utf8', env: { ...process.env, ...wherry.env } },
      )
    assert.match(run('shared', `${host}:/h:rshared`).stdout, / shared:\d+ /)
    assert.match(run('shared', `${host}:/h:rslave`).stdout, / master:\d+ /)
    assert.doesNotMatch(run('shared', `${host}:/h`).stdout, /shared:|master:/)
    assert.match(run('private', `${host}:/h:rshared`).stderr, /it is not on a shared mount, so nothing would be passed on/)
    assert.match(run('private', `${host}:/h:rslave`).stderr, /it is neither on a shared mount nor on a slave/)
  })

  test('--mount type=volume with a folder below it, which no link leads out of', async () => {
    const prepare =
      'mkdir -p /v/sub/deep; echo found > /v/sub/deep/file; ln -s / /v/root; ln -s ../../../.. /v/up; ln -s sub/deep /v/inner; ln -s /proc/1/root /v/magic'
    await shell(['-v', 'vol:/v'], prepare)
    const see = (subpath: string, script: string) => shell(['--mount', `type=volume,src=vol,dst=/s,volume-subpath=${subpath}`], script)
    assert.equal(await see('sub/deep', 'cat /s/file'), 'found\n')
    assert.equal(await see('inner', 'cat /s/file'), 'found\n')
    // "/" and what is above are the volume itself
    for (const link of ['root', 'up']) assert.equal(await see(link, 'ls /s | head -n 1'), 'inner\n', link)
    assert.match(await fails(['--mount', 'type=volume,src=vol,dst=/s,volume-subpath=magic']), /it has no magic/)
    assert.match(await fails(['--mount', 'type=volume,src=vol,dst=/s,volume-subpath=nowhere']), /mount vol on \/s: it has no nowhere/)
  })

  test('--mount type=image, with a folder below it', async () => {
    assert.equal(
      await shell(['--mount', `type=image,src=${IMAGE},dst=/i`], 'ls /i/etc; echo x > /i/new || echo refused'),
      'group\npasswd\nrefused\n',
    )
    assert.equal(await shell(['--mount', `type=image,src=${IMAGE},dst=/i,image-subpath=etc`], 'ls /i'), 'group\npasswd\n')
    assert.match(await fails(['--mount', `type=image,src=${IMAGE},dst=/i,subpath=nowhere`]), /the image has no folder nowhere/)
    assert.match(await fails(['--pull', 'never', '--mount', 'type=image,src=not-here,dst=/i']), /not-here/)
  })

  test('--tmpfs and --mount type=tmpfs', async () => {
    assert.equal(
      await shell(['--tmpfs', '/t:size=1m,mode=700,uid=5'], 'df -k /t | tail -n 1 | awk "{print \\$2}"; stat -c "%a %u" /t'),
      '1024\n700 5\n',
    )
    for (const option of ['noexec', 'nosuid', 'nodev']) assert.ok((await optionsOf('/t', ['--tmpfs', '/t'])).includes(option), option)
    assert.ok(!(await optionsOf('/t', ['--tmpfs', '/t:exec'])).includes('noexec'))
    assert.equal(await shell(['--mount', 'type=tmpfs,dst=/t,tmpfs-mode=1770,tmpfs-size=1m'], 'stat -c %a /t'), '1770\n')
    assert.equal(await shell(['--mount', 'type=tmpfs,dst=/etc,tmpcopyup'], 'stat -f -c %T /etc; ls /etc/passwd'), 'tmpfs\n/etc/passwd\n')
  })

  test('--read-only, with and without --read-only-tmpfs', async () => {
    const write = 'for folder in / /tmp /run /var/tmp; do (echo x > $folder/new) 2>/dev/null && echo "$folder" || true; done'
    assert.equal(await shell(['--read-only'], write), '/tmp\n/run\n/var/tmp\n')
    assert.equal(await shell(['--read-only', '--read-only-tmpfs=false'], write), '')
    assert.equal(await shell(['--read-only', '-v', `${host}:/tmp`], 'cat /tmp/file'), 'of the machine\n')
  })

  test('--volumes-from', async () => {
    await wherry.start('source', ['true'], ['-v', `${host}:/h`, '-v', 'shared-volume:/v', '--tmpfs', '/t'])
    assert.equal(await shell(['--volumes-from', 'source'], 'cat /h/file; echo x > /v/x; test -e /t || echo none'), 'of the machine\nnone\n')
    assert.equal(await shell(['--volumes-from', 'source:ro'], 'ls /v; echo x > /v/y || echo refused'), 'x\nrefused\n')
  })

  test('--shm-size', async () => {
    assert.equal(await shell(['--shm-size', '2m'], 'df -k /dev/shm | tail -n 1 | awk "{print \\$2}"'), '2048\n')
  })

  test('idmap shows files with the ids of the container', async () => {
    const ids = 'stat -c %u:%g /h/file'
    assert.equal(await shell(['-v', `${host}:/h`], ids), '1000:1000\n')
    assert.equal(await shell(['-v', `${host}:/h:idmap=uids=1000-7-1;gids=1000-8-1`], ids), '7:8\n')
    assert.equal(await shell(['--userns', 'auto', '-v', `${host}:/h`], ids), '65534:65534\n')
    assert.equal(await shell(['--userns', 'auto', '-v', `${host}:/h:idmap`], ids), '1000:1000\n')
  })

  test('a volume has the ids that containers see, whatever user namespace they are in', async () => {
    await shell(['--userns', 'auto', '-v', 'ids:/v'], 'echo x > /v/file; chown 12:13 /v/file')
    assert.equal(await shell(['-v', 'ids:/v'], 'stat -c %u:%g /v/file'), '12:13\n')
    const { uid, gid } = statSync(`${wherry.root}/volumes/ids/_data/file`)
    assert.deepEqual([uid, gid], [12, 13])
  })

  test('a mount stays in the root, whatever its links say', async () => {
    await wherry.ok(
      'run',
      '--network',
      'none',
      '--name',
      'linked',
      IMAGE,
      'sh',
      '-c',
      `ln -s ${host} /trap; ln -s /../../../../..${host}/sub /data`,
    )
    await wherry.ok('commit', 'linked', 'linked:1')
    const canary = `${host}/sub/from-the-container`
    await wherry.ok(
      'run',
      '--rm',
      '--network',
      'none',
      '-v',
      'trapped:/data',
      '--tmpfs',
      '/trap/t',
      'linked:1',
      'sh',
      '-c',
      'touch /data/from-the-container /trap/t/x',
    )
    assert.equal(existsSync(canary), false)
    assert.equal(existsSync(`${wherry.root}/volumes/trapped/_data/from-the-container`), true)
    assert.equal(existsSync(`${host}/t`), false)
  })

  test('two mounts for one place are refused before anything is made', async () => {
    assert.match(
      await fails(['-v', `${host}/not-made:/x`, '--tmpfs', '/x/']),
      /\/x in the container is the target of two mounts: a bind mount and a tmpfs/,
    )
    assert.equal(existsSync(`${host}/not-made`), false)
  })
})
