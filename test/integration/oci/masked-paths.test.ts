/** linux.maskedPaths and linux.readonlyPaths. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { SYS } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { OURS, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('masked files are empty, masked folders too; nobody can undo it', { skip }, async (t) => {
  const box = bundle(t, ({ linux, mounts, process }, made) => {
    mkdirSync(made.in('/secret/deep'), { recursive: true })
    writeFileSync(made.in('/secret/file'), 'secret')
    mkdirSync(made.in('/other'))
    writeFileSync(made.in('/other/file'), 'secret')
    writeFileSync(made.in('/mnt/file'), 'secret')
    linux.maskedPaths = [
      '/secret',
      '/other',
      '/mnt/file',
      '/proc/meminfo',
      '/sys/kernel',
      '/not/there',
      ...(OURS ? ['/etc/passwd/below'] : []),
    ]
    mounts.push(structuredClone(SYS))
    process.capabilities!.bounding!.push('CAP_DAC_READ_SEARCH')
  })
  assert.deepEqual(
    await box.lines(
      'exec 2>&1; ls -A /secret /other /sys/kernel; cat /mnt/file /proc/meminfo; echo x > /mnt/file; cat /mnt/file; touch /secret/new; rm /mnt/file; umount /secret; umount /mnt/file; ls /not; true',
    ),
    [
      '/other:',
      '',
      '/secret:',
      '',
      '/sys/kernel:',
      'touch: /secret/new: Read-only file system',
      "rm: can't remove '/mnt/file': Device or resource busy",
      "umount: can't unmount /secret: Operation not permitted",
      "umount: can't unmount /mnt/file: Operation not permitted",
      'ls: /not: No such file or directory',
    ],
  )
})

test('masked folders share one file system', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    for (const name of ['/a', '/b', '/c']) mkdirSync(made.in(name))
    linux.maskedPaths = ['/a', '/b', '/c']
  })
  const devices = await box.lines('stat -c %d /a /b /c')
  assert.equal(new Set(devices).size, 1, devices.join())
})

test('read-only paths refuse writes', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    mkdirSync(made.in('/data/sub'), { recursive: true })
    writeFileSync(made.in('/mnt/file'), 'kept')
    linux.readonlyPaths = ['/data', '/mnt/file', '/proc/sys', '/not/there']
  })
  assert.deepEqual(
    await box.lines(
      'exec 2>&1; touch /data/new; touch /data/sub/new; echo x > /mnt/file; cat /mnt/file; echo; echo x > /proc/sys/kernel/hostname; touch /mnt/other && echo written; umount /data; true',
    ),
    [
      'touch: /data/new: Read-only file system',
      'touch: /data/sub/new: Read-only file system',
      "sh: can't create /mnt/file: Read-only file system",
      'kept',
      "sh: can't create /proc/sys/kernel/hostname: Read-only file system",
      'written',
      "umount: can't unmount /data: Operation not permitted",
    ],
  )
})

test('attributes of what is made read-only stay', { skip }, async (t) => {
  const box = bundle(t, ({ linux, mounts }) => {
    mounts[0]!.options = ['nosuid', 'nodev', 'noexec']
    linux.readonlyPaths = ['/proc/sys', '/proc/bus']
  })
  assert.deepEqual(await box.lines("grep -E ' /proc/(sys|bus) ' /proc/self/mountinfo | cut -d' ' -f5,6 | sort"), [
    '/proc/bus ro,nosuid,nodev,noexec,relatime',
    '/proc/sys ro,nosuid,nodev,noexec,relatime',
  ])
})

test('a masked path is masked where links of the image lead', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    mkdirSync(made.in('/real'))
    writeFileSync(made.in('/real/file'), 'secret')
    symlinkSync('/../../real', made.in('/link'))
    linux.maskedPaths = ['/link/file']
  })
  assert.equal(await box.probe('cat /real/file'), '')
})

test('what stands in for /dev/null must be it', { skip }, async (t) => {
  const box = bundle(t, ({ linux, mounts, process }, made) => {
    mounts.splice(1, 2) // /dev is the image's
    writeFileSync(made.in('/dev/null'), 'a file of the image')
    linux.maskedPaths = ['/etc/passwd']
    process.args = ['cat', '/etc/passwd']
  })
  await box.refused(/\/dev\/null/)
  const linked = bundle(t, ({ linux, mounts, process }, made) => {
    mounts.splice(1, 2)
    writeFileSync(made.in('/tmp/chosen'), 'chosen by the image')
    symlinkSync('/tmp/chosen', made.in('/dev/null'))
    linux.maskedPaths = ['/etc/passwd']
    process.args = ['cat', '/etc/passwd']
  })
  await linked.refused(/\/dev\/null/)
})

test('paths work in a container without /proc', { skip: skip || wherryOnly('no /proc') }, async (t) => {
  const box = bundle(t, ({ linux, mounts }, made) => {
    mounts.splice(0, 1)
    rmSync(made.in('/proc'), { recursive: true })
    linux.maskedPaths = ['/proc/kcore', '/etc/group']
    linux.readonlyPaths = ['/proc/sys']
  })
  assert.equal(await box.probe('cat /etc/group; ls -d /proc 2>/dev/null; true'), '')
})
