/**
 * CVE-2024-21626, CVE-2016-9962: a descriptor of the host that is open in the runtime, or came to it from its caller, is a way out as
 * a working directory or below /proc/self/fd.
 */
import assert from 'node:assert/strict'
import { chmodSync, closeSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { assertUnseen, type Canary, canary } from '../support/attack.ts'
import { bundle } from '../support/bundle.ts'
import { shell } from '../support/config.ts'
import { requires } from '../support/requires.ts'
import { OURS } from '../support/runtime.ts'

const skip = requires('root', 'busybox')
/** Descriptors of the runtime that an attacker tries. */
const TRIED = Array.from({ length: 20 }, (_, index) => index + 3)

/** Reads the canary by every way that starts at a working directory or at a descriptor. */
const search = ({ folder, file }: Canary): string =>
  `/bin/pwd; cat canary ./${file} ../../../../..${file} ../../..${folder}/canary /proc/self/cwd/canary 2>/dev/null
   for fd in /proc/self/fd/* /proc/1/fd/*; do cat $fd/canary $fd/../canary $fd/..${file} $fd/../../../../../..${file} 2>/dev/null; done; true`

/** Runs `body` while this process has folders of the host open, among them that of the canary, which every child inherits. */
const withLeaks = async (t: TestContext, body: (secret: Canary, fds: number[]) => Promise<void>): Promise<void> => {
  const secret = canary(t)
  const fds = ['/', secret.folder, secret.file, '/', secret.folder].map((path) => openSync(path, 'r'))
  try {
    await body(secret, fds)
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

/** Refused, or the program's own descriptor of the container's root. */
const assertNoWayOut = (secret: Canary, { status, stdout, stderr }: { status: number | null; stdout: string; stderr: string }): void => {
  assertUnseen(secret, stdout, stderr)
  if (status === 0) assert.equal(stdout, '/\n')
  else if (OURS) assert.match(stderr, /process\.cwd/)
}

test('WORKDIR /proc/self/fd/N', { skip }, (t) =>
  withLeaks(t, async (secret, fds) => {
    const box = bundle(t)
    for (const fd of TRIED) {
      box.config.process.cwd = `/proc/self/fd/${fd}`
      assertNoWayOut(secret, await box.run(shell(search(secret)), { fds }))
    }
  }),
)

test('WORKDIR is a link of the image to a descriptor', { skip }, (t) =>
  withLeaks(t, async (secret, fds) => {
    for (const fd of TRIED.slice(0, 8)) {
      const box = bundle(t, ({ process }, made) => {
        symlinkSync(`/proc/self/fd/${fd}`, made.in('/work'))
        process.cwd = '/work'
      })
      assertNoWayOut(secret, await box.run(shell(search(secret)), { fds }))
    }
  }),
)

test('exec --cwd of a descriptor, and of a link to one that the container made', { skip }, (t) =>
  withLeaks(t, async (secret, fds) => {
    const box = bundle(t)
    await box.up('for n in $(seq 3 40); do ln -s /proc/self/fd/$n /tmp/$n; done; exec sleep 100000')
    for (const fd of TRIED)
      for (const cwd of [`/proc/self/fd/${fd}`, `/tmp/${fd}`])
        assertNoWayOut(secret, await box.exec(shell(search(secret)), { fds, flags: ['--cwd', cwd] }))
  }),
)

test('descriptors of the caller do not reach the process', { skip }, (t) =>
  withLeaks(t, async (secret, fds) => {
    const box = bundle(t)
    const list = 'ls /proc/self/fd | sort -n | tr "\\n" " "'
    const ran = await box.run(shell(`${list}; { ${search(secret)}; } | grep canary`), { fds })
    assert.match(ran.stdout, /^0 1 2 3 $/) // 3: the folder that ls reads
    await box.up()
    const joined = await box.exec(shell(`${list}; { ${search(secret)}; } | grep canary`), { fds })
    assert.match(joined.stdout, /^0 1 2 3 $/)
    assertUnseen(secret, ran.stdout, joined.stdout)
  }),
)

test('nor do they reach hooks of the container', { skip }, (t) =>
  withLeaks(t, async (secret, fds) => {
    const box = bundle(t, (config, made) => {
      const script = `ls /proc/self/fd | wc -l >/tmp/hook; { ${search(secret)}; } | grep canary >>/tmp/hook; true`
      writeFileSync(made.in('/bin/hook'), `#!/bin/sh\n${script}\n`)
      chmodSync(made.in('/bin/hook'), 0o755)
      config.hooks = { startContainer: [{ path: '/bin/hook', env: ['PATH=/bin'] }] }
    })
    const { stdout } = await box.run(shell('cat /tmp/hook'), { fds })
    assert.equal(stdout, '4\n')
    assertUnseen(secret, stdout)
  }),
)
