import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { WHERRY } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { requiresFile } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'

/** A user of no password database but the test’s, and the ids that it is given. */
const USER = 12_345
const RANGE = 700_000

const skip = requires('root', 'public_checkout', 'newuidmap') || requiresFile('/etc/subuid') || requiresFile('/etc/subgid')

describe('wherry for users without privileges', { skip }, () => {
  let images: CliImages
  let folder: string

  before(async () => {
    images = await makeCliImages()
    folder = mkdtempSync(`${tmpdir()}/${MARK}-cli-user-`)
    mkdirSync(`${folder}/run`, { mode: 0o700 })
    for (const path of [folder, `${folder}/run`]) chownSync(path, USER, USER)
    writeFileSync(`${folder}/passwd`, `tester:x:${USER}:${USER}::/:/bin/sh\n${readFileSync('/etc/passwd', 'utf8')}`)
    writeFileSync(`${folder}/subid`, `tester:${RANGE}:2000\n`)
    writeFileSync(`${folder}/none`, '')
    writeLayout(`${folder}/layout`, { 'base:1': images.base, 'app:2': images.app })
  })
  after(() => removeTree(folder))

  const wherry = (argv: readonly string[], { ranges = true }: { readonly ranges?: boolean } = {}) => {
    const file = ranges ? 'subid' : 'none'
    const script = `set -e; mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/${file}" /etc/subuid; mount --bind "$0/${file}" /etc/subgid
exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --inh-caps=-all "$@"`
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', 'bash', '-c', script, folder, WHERRY, ...argv],
      {
        encoding: 'utf8',
        cwd: '/',
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          XDG_RUNTIME_DIR: `${folder}/run`,
          WHERRY_CONFIG: '/dev/null',
          NODE_OPTIONS: '--no-such-flag',
          WHERRY_TEST: MARK,
        },
      },
    )
    return { status, stdout, stderr }
  }
  const root = (): string => `${folder}/.local/share/wherry`

  test('pulls into a store of their own, with the owners that the image says', () => {
    const { status, stdout, stderr } = wherry(['pull', '-q', `oci:${folder}/layout:app:2`])
    assert.deepEqual([status, stdout, stderr], [0, `${images.app.document.digest}\n`, ''])
    assert.equal(statSync(root()).uid, USER)
    assert.equal(statSync(root()).mode & 0o777, 0o700)
    const tool = statSync(`${root()}/layers/sha256/${images.base.layers[0]!.diffID.slice(7)}/root/usr/bin/tool`)
    assert.deepEqual([tool.uid, tool.mode & 0o7777], [USER, 0o4755], 'root of the image is the user')
    assert.match(wherry(['images']).stdout, /^app +2 /m)
    assert.match(wherry(['image', 'layers', 'app:2']).stdout, /^Efficiency: /m)
    assert.match(wherry(['system', 'check', '--deep']).stdout, /^The store is whole: 1 image/)
    assert.equal(wherry(['info', '-f', '{{.Rootless}} {{.DockerRootDir}}']).stdout, `true ${root()}\n`)
  })

  test('asks once, and removes what belongs to mapped ids', () => {
    const { status, stdout } = wherry(['image', 'prune', '-af'])
    assert.equal(status, 0)
    assert.match(stdout, /Deleted: /)
    assert.equal(wherry(['images', '-q']).stdout, '')
  })

  test('without a range of ids there is one warning, with what to do', () => {
    const { status, stdout, stderr } = wherry(['load', '-q', '-i', `${folder}/layout`], { ranges: false })
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^Loaded image: base:1$/m)
    assert.match(stderr, /^wherry: warning: only your own id is mapped.*usermod --add-subuids[^\n]*\n$/)
  })
})
