/** Where mounts land: targets that are missing, links of the image, files, and the order of mounts. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

const source = (box: Bundle, name = 'source'): string => {
  mkdirSync(`${box.folder}/${name}`)
  writeFileSync(`${box.folder}/${name}/file`, `of ${name}\n`)
  return `${box.folder}/${name}`
}

test('missing targets are made: folders for folders, files for files', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    mounts.push(
      { destination: '/a/b/c', source: folder, options: ['bind'] },
      { destination: '/d/e/f', source: `${folder}/file`, options: ['bind'] },
      { destination: '/g/h', type: 'tmpfs', source: 'tmpfs' },
      { destination: '//i///j/', source: folder, options: ['bind'] },
    )
  })
  assert.equal(await box.probe('cat /a/b/c/file /d/e/f /i/j/file; ls -d /g/h'), 'of source\nof source\nof source\n/g/h')
  assert.deepEqual(
    ['/a', '/a/b', '/a/b/c', '/d/e'].map((path) => statSync(box.in(path)).mode & 0o7777),
    [0o755, 0o755, 0o755, 0o755],
  )
  assert.ok(statSync(box.in('/d/e/f')).isFile())
})

test('a folder that is made inherits setgid, and no other special bit', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mkdirSync(made.in('/special'))
    chmodSync(made.in('/special'), 0o7777)
    mounts.push({ destination: '/special/made', source: source(made), options: ['bind'] })
  })
  await box.probe('true')
  assert.equal(statSync(box.in('/special/made')).mode & 0o7777, 0o2755)
})

test('links of the image are followed within the image', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    mkdirSync(made.in('/real/folder'), { recursive: true })
    symlinkSync('/real', made.in('/absolute'))
    symlinkSync('../../../../../../../real/folder', made.in('/climbing'))
    symlinkSync('real', made.in('/relative'))
    mounts.push(
      { destination: '/absolute/folder', source: folder, options: ['bind'] },
      { destination: '/climbing/made', source: `${folder}/file`, options: ['bind'] },
    )
  })
  // the second target is made in the folder that the first has covered
  assert.equal(await box.probe('cat /real/folder/file /real/folder/made /relative/folder/made'), 'of source\nof source\nof source')
  assert.deepEqual(readdirSync(`${box.folder}/source`).sort(), ['file', 'made'])
  assert.deepEqual(readdirSync(box.in('/real/folder')), [])
})

test('a dangling link is a target that is made where it leads', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    symlinkSync('/jump/baz/hosts', made.in('/etc/hosts'))
    mkdirSync(made.in('/jump'))
    symlinkSync('/tmp/foo', made.in('/jump/baz'))
    symlinkSync('/run/deep/folder', made.in('/link'))
    mounts.push(
      { destination: '/etc/hosts', source: `${folder}/file`, options: ['bind'] },
      { destination: '/link', source: folder, options: ['bind'] },
      { destination: '/link/below', type: 'tmpfs', source: 'tmpfs' },
    )
  })
  assert.equal(
    await box.probe('cat /etc/hosts /tmp/foo/hosts /run/deep/folder/file; ls -d /run/deep/folder/below'),
    'of source\nof source\nof source\n/run/deep/folder/below',
  )
  assert.ok(lstatSync(box.in('/etc/hosts')).isSymbolicLink())
  assert.equal(readlinkSync(box.in('/link')), '/run/deep/folder')
  assert.ok(!existsSync('/run/deep'), 'nothing is made on the host')
})

test('links that lead out of the image by .. or from the root stay in it', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    symlinkSync(`/../../..${made.folder}/outside`, made.in('/escape'))
    mkdirSync(`${made.folder}/outside`)
    mounts.push(
      { destination: '/escape/target', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/../../up', type: 'tmpfs', source: 'tmpfs' },
    )
  })
  assert.equal(await box.probe('ls -d /up; cut -d" " -f5 /proc/self/mountinfo | grep -c target'), '/up\n1')
  assert.deepEqual(readdirSync(`${box.folder}/outside`), [])
})

test('mounts are made in their order: a later one covers, or lies in an earlier one', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mounts.push(
      { destination: '/mnt', source: source(made, 'first'), options: ['bind'] },
      { destination: '/mnt', source: source(made, 'second'), options: ['bind'] },
      { destination: '/mnt/in', type: 'tmpfs', source: 'in-second' },
      { destination: '/tmp/x/y', type: 'tmpfs', source: 'covered' },
      { destination: '/tmp', type: 'tmpfs', source: 'above' },
    )
  })
  assert.equal(await box.probe('cat /mnt/file; grep -c "in-second" /proc/mounts; ls -A /tmp'), 'of second\n1')
  assert.deepEqual([existsSync(`${box.folder}/first/in`), existsSync(`${box.folder}/second/in`)], [false, true])
})

test('a file is no target for a folder, nor a folder for a file', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => mounts.push({ destination: '/etc/passwd', source: source(made), options: ['bind'] }))
  await box.refused(/mounts\[3\] \/etc\/passwd.*not a directory/i)
  const other = bundle(t, ({ mounts }, made) => mounts.push({ destination: '/etc', source: `${source(made)}/file`, options: ['bind'] }))
  await other.refused(/mounts\[3\] \/etc.*not a directory/i)
})

test('a target below a file is refused', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push({ destination: '/etc/passwd/below', type: 'tmpfs', source: 'tmpfs' }))
  await box.refused(/mounts\[3\] \/etc\/passwd\/below.*not a directory/i)
})

test('nothing is mounted over files of procfs', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    const folder = source(made)
    symlinkSync('/proc/self', made.in('/self'))
    mounts.push({ destination: '/self/attr', source: folder, options: ['bind'] })
  })
  await box.refused(/mounts\[3\].*\/self\/attr/)
})

test('a link of the image in place of /proc or /sys is refused', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mkdirSync(made.in('/fake'))
    symlinkSync('/fake', made.in('/elsewhere'))
    mounts[0]!.destination = '/elsewhere'
  })
  await box.refused(/mounts\[0\] \/elsewhere.*too many (levels of )?symbolic links/i)
  assert.equal(readFileSync(box.in('/etc/passwd'), 'utf8').split(':')[0], 'root')
})
