import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { basicLogin, startTokenServer, type TokenServer } from '../../support/registry/login.ts'
import { startRegistry, type TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'

const USER = { username: 'someone', password: 'päss word:1' }
const INSECURE = '--tls-verify=false'

describe('wherry login', { skip: requires('root') }, () => {
  let images: CliImages
  let wherry: Wherry
  let basic: TestRegistry
  let tokens: TokenServer
  let bearer: TestRegistry
  let open: TestRegistry

  before(async () => {
    images = await makeCliImages()
    basic = await startRegistry({ login: basicLogin(USER) })
    tokens = await startTokenServer({ user: USER })
    bearer = await startRegistry({ login: tokens.login })
    open = await startRegistry()
    for (const registry of [basic, bearer]) registry.contents.add('team/base', images.base, '1')
    wherry = new Wherry()
  })
  after(async () => {
    for (const server of [basic, bearer, open, tokens]) await server.close()
    await wherry.close()
  })

  const password = (): string => wherry.file('password', `${USER.password}\n`)
  const kept = (): string => (existsSync(wherry.auth) ? readFileSync(wherry.auth, 'utf8') : '')

  test('is tried on the registry, kept, used and forgotten: basic and tokens', async () => {
    for (const registry of [basic, bearer]) {
      assert.match(await wherry.fails(['pull', INSECURE, `${registry.host}/team/base:1`]), /log ?in/)
      const { status, stdout, stderr } = await wherry.run(['login', INSECURE, '-u', USER.username, '--password-stdin', registry.host], {
        stdin: password(),
      })
      assert.deepEqual([status, stdout, stderr], [0, 'Login Succeeded\n', ''])
      assert.equal(statSync(wherry.auth).mode & 0o777, 0o600)
      assert.equal(await wherry.ok('login', '--get-login', registry.host), `${USER.username}\n`)
      await wherry.ok('pull', '-q', INSECURE, `${registry.host}/team/base:1`)
      await wherry.ok('push', '-q', INSECURE, `${registry.host}/team/base:1`, `${registry.host}/team/pushed:2`)
      assert.equal(await wherry.ok('logout', registry.host), `Removed login credentials for ${registry.host}\n`)
      assert.ok(!kept().includes(registry.host))
      assert.match(await wherry.fails(['logout', registry.host]), new RegExp(`not logged in to ${registry.host}`))
      assert.match(await wherry.fails(['login', '--get-login', registry.host]), /not logged in/)
    }
  })

  test('a wrong password is refused and not kept', async () => {
    const before = kept()
    assert.match(
      await wherry.fails(['login', INSECURE, '-u', USER.username, '-p', 'wrong-secret', basic.host]),
      /warning: --password can be seen[\s\S]*the login is refused/,
    )
    assert.match(
      await wherry.fails(['login', INSECURE, '-u', USER.username, '-p', 'wrong-secret', bearer.host]),
      new RegExp(`${bearer.host}`),
    )
    assert.equal(kept(), before)
  })

  test('nothing secret is logged', async () => {
    const { status, stdout, stderr } = await wherry.run(
      ['--log-level', 'trace', '--log-format', 'json', 'login', INSECURE, '-u', USER.username, '--password-stdin', bearer.host],
      { stdin: password() },
    )
    assert.equal(status, 0, stderr)
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string })
    assert.ok(lines.some(({ level, msg }) => level === 'debug' && msg.includes('/v2/')))
    for (const secret of [USER.password, Buffer.from(`${USER.username}:${USER.password}`).toString('base64'), 'Bearer', 'Basic'])
      assert.ok(!(stdout + stderr).includes(secret), secret)
    await wherry.ok('logout', '--all')
    assert.ok(!kept().includes(bearer.host))
  })

  test('asks on the terminal, and does not show the password', async () => {
    const { terminal, ended } = wherry.onTerminal(['login', INSECURE, basic.host])
    await terminal.until(/Username: /)
    terminal.write('someone\n')
    await terminal.until(/Password: /)
    terminal.write(`${USER.password}x\x7f\r`)
    const rest = await terminal.until(/Login Succeeded/)
    assert.ok(!rest.includes('word'), rest)
    assert.equal(await ended, 0)
    terminal.close()
    const again = wherry.onTerminal(['login', INSECURE, basic.host])
    await again.terminal.until(/Username \(someone\): /)
    again.terminal.write('\n')
    await again.terminal.until(/Password: /)
    again.terminal.write('\x03')
    assert.notEqual(await again.ended, 0)
    again.terminal.close()
    await wherry.ok('logout', basic.host)
  })

  test('--authfile', async () => {
    const file = wherry.path('own-auth.json')
    await wherry.run(['login', INSECURE, '-u', USER.username, '--password-stdin', '--authfile', file, basic.host], { stdin: password() })
    assert.ok(readFileSync(file, 'utf8').includes(basic.host))
    assert.ok(!kept().includes(basic.host))
    await wherry.ok('pull', '-q', INSECURE, '--authfile', file, `${basic.host}/team/base:1`)
    await wherry.ok('logout', '--authfile', file, basic.host)
  })

  test('a registry that wants no login', async () => {
    const { status, stderr } = await wherry.run(['login', INSECURE, '-u', 'x', '-p', 'y', open.host])
    assert.equal(status, 0)
    assert.match(stderr, new RegExp(`warning: ${open.host} wants no login`))
    await wherry.ok('logout', open.host)
  })

  test('wrong command lines', async () => {
    assert.match(await wherry.fails(['login', '--password-stdin', basic.host]), /--password-stdin: the user is wanted too/)
    assert.match(await wherry.fails(['login', '-u', 'x', '-p', 'y', '--password-stdin', basic.host]), /one of them/)
    assert.match(await wherry.fails(['login', INSECURE, '-u', 'x', '--password-stdin', basic.host]), /there is no password on stdin/)
    assert.match(await wherry.fails(['logout', '-a', basic.host]), /--all and a registry: one of them/)
  })
})

describe('wherry push', { skip: requires('root') }, () => {
  test('sends what is missing, mounts what another repository has, and names the digest', async () => {
    const images = await makeCliImages()
    const registry = await startRegistry()
    const wherry = new Wherry()
    try {
      registry.contents.add('team/base', images.base, '1')
      registry.contents.add('from/app', images.app, '2')
      await wherry.ok('pull', '-q', INSECURE, `${registry.host}/from/app:2`)
      registry.behave()
      const target = `${registry.host}/to/app:3`
      const { status, stdout, stderr } = await wherry.run(['push', INSECURE, `${registry.host}/from/app:2`, target])
      assert.equal(status, 0, stderr)
      assert.equal(stdout, `${target}: digest: ${images.app.document.digest} size: ${images.app.document.bytes.length}\n`)
      assert.equal(registry.log(/^POST .*mount=.*from=from%2Fapp.* 201/).length, 4, registry.log(/POST/).join('\n'))
      assert.equal(registry.contents.document('to/app', '3')?.digest, images.app.document.digest)
      await wherry.ok('rmi', `${registry.host}/from/app:2`)
      await wherry.ok('pull', '-q', INSECURE, target)
      await wherry.ok('tag', target, `${registry.host}/to/app:4`)
      await wherry.ok('push', '-q', '-a', INSECURE, `${registry.host}/to/app`)
      assert.equal(registry.contents.document('to/app', '4')?.digest, images.app.document.digest)
      const id = images.app.config.descriptor.digest.slice(7, 19)
      await wherry.ok('image', 'push', '-q', INSECURE, id, `${registry.host}/by/id`)
      assert.equal(registry.contents.document('by/id', 'latest')?.digest, images.app.document.digest)
      assert.match(await wherry.fails(['push', INSECURE, 'nope']), /image nope is not in the store/)
      assert.match(await wherry.fails(['push', INSECURE, id, `${registry.host}/x@${images.app.document.digest}`]), /leave out the digest/)
      await wherry.ok('untag', target)
      assert.match(await wherry.fails(['push', id]), /has no name: say where it is to go/)
    } finally {
      await registry.close()
      await wherry.close()
    }
  })
})
