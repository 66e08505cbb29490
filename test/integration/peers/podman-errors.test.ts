/** What podman makes of our errors: its exit statuses depend on their texts. podman-run(1), "Exit Status". */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { requires } from '../../support/requires.ts'
import { Podman } from './podman.ts'

describe('podman: errors', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  before(async () => {
    podman = await Podman.open()
  })
  after(() => podman?.close())

  const cases: readonly { name: string; options?: readonly string[]; command: readonly string[]; status: number; stderr: RegExp }[] = [
    {
      name: 'a command that is not in PATH',
      command: ['nothing'],
      status: 127,
      stderr: /executable file not found in \$PATH.*command that was not found/s,
    },
    { name: 'a path that is not there', command: ['/no/such/file'], status: 127, stderr: /no such file or directory/i },
    { name: 'a file without the permission to execute', command: ['/bin/data'], status: 126, stderr: /permission denied/i },
    { name: 'a folder', command: ['/etc'], status: 126, stderr: /permission denied/i },
    {
      name: 'a bind mount without its source',
      options: ['--volume=/no/such/source:/mnt'],
      command: ['true'],
      status: 125,
      stderr: /no such file or directory/,
    },
    {
      name: 'a working directory that is a file',
      options: ['--workdir=/etc/passwd'],
      command: ['true'],
      status: 126,
      stderr: /not a directory/i,
    },
    {
      name: 'a file to be mounted onto a folder',
      options: ['--volume=/etc/passwd:/bin'],
      command: ['true'],
      status: 126,
      stderr: /not a directory/i,
    },
  ]
  for (const { name, options = [], command, status, stderr } of cases) {
    test(name, () => {
      const outcome = podman.container(options, ...command)
      assert.match(outcome.stderr, stderr)
      assert.equal(outcome.status, status)
    })
  }

  test('nothing of a container that failed is left', () => {
    assert.equal(podman.ok('ps', '--all', '--quiet'), '')
    assert.deepEqual(
      podman.corner.cgroups().filter((name) => !name.endsWith('/conmon')),
      [],
    )
  })
})
