import assert from 'node:assert/strict'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import {
  credentialsFor,
  eraseAllCredentials,
  eraseCredentials,
  Secret,
  storeCredentials,
  type StoredCredentials,
} from '../../../../image/settings/credentials.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { type Place, place } from '../../../support/settings.ts'

const auth = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString('base64')
const said = (found: StoredCredentials | undefined): string =>
  found === undefined ? 'none' : `${found.username}:${found.secret.reveal()} ${found.kind}`
const lookup = async (here: Place, name: string): Promise<string> => said(await credentialsFor(name, { around: here.around }))
const password = (username: string, secret: string) => ({ kind: 'password', username, secret: new Secret(secret) }) as const

const AUTH = 'run/containers/7/auth.json'
const DOCKER = 'home/.docker/config.json'

test('a secret does not show itself', () => {
  const secret = new Secret('hunter2')
  const found = { ...password('u', 'hunter2') }
  for (const text of [`${secret}`, JSON.stringify(found), inspect(found, { depth: 9, showHidden: true }), String(Object.values(secret))])
    assert.doesNotMatch(text, /hunter2/)
  assert.equal(secret.reveal(), 'hunter2')
})

test('the longest key first', async (t) => {
  const here = place(t)
  here.write(AUTH, {
    auths: {
      'my.local': { auth: auth('host', '1') },
      'my.local/a': { auth: auth('a', '2') },
      'my.local/a/b/image': { auth: auth('image', '3:4') },
      'other.local': {},
    },
  })
  assert.equal(await lookup(here, 'my.local/a/b/image'), 'image:3:4 password')
  assert.equal(await lookup(here, 'my.local/a/b/other'), 'a:2 password')
  assert.equal(await lookup(here, 'my.local/ab'), 'host:1 password')
  assert.equal(await lookup(here, 'my.local'), 'host:1 password')
  assert.equal(await lookup(here, 'my.local:5000/a'), 'none')
  assert.equal(await lookup(here, 'other.local/a'), 'none')
  assert.equal(await lookup(here, 'constructor/toString'), 'none')
})

test('docker.io by all its names', async (t) => {
  for (const key of ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'https://registry-1.docker.io', 'docker.io/']) {
    const here = place(t)
    here.write(DOCKER, { auths: { [key]: { auth: auth('u', 'p') } } })
    assert.equal(await lookup(here, 'docker.io/library/alpine'), 'u:p password', key)
    assert.equal(await lookup(here, 'example.local/x'), 'none')
  }
  const here = place(t)
  here.write(DOCKER, { auths: { 'http://my.local:5000/v2/': { username: 'u', password: 'p' } } })
  assert.equal(await lookup(here, 'my.local:5000/x'), 'u:p password')
})

test('identity tokens', async (t) => {
  const here = place(t)
  here.write(DOCKER, { auths: { 'my.local': { auth: auth('00000000', ''), identitytoken: 'tok' } } })
  assert.equal(await lookup(here, 'my.local/x'), '00000000:tok identity-token')
})

test('the files, first found wins', async (t) => {
  const here = place(t)
  const write = (path: string, user: string): string => here.write(path, { auths: { 'my.local': { auth: auth(user, 'p') } } })
  const find = async (env: Record<string, string> = {}): Promise<string> =>
    said(await credentialsFor('my.local/x', { around: here.with(env) }))
  assert.equal(await find(), 'none')
  write(DOCKER, 'docker')
  assert.equal(await find(), 'docker:p password')
  write('dc/config.json', 'docker-config')
  assert.equal(await find({ DOCKER_CONFIG: join(here.folder, 'dc') }), 'docker-config:p password')
  write('home/.config/containers/auth.json', 'config')
  assert.equal(await find(), 'config:p password')
  write(AUTH, 'run')
  assert.equal(await find(), 'run:p password')
  write('xr/containers/auth.json', 'runtime')
  assert.equal(await find({ XDG_RUNTIME_DIR: join(here.folder, 'xr') }), 'runtime:p password')
  const chosen = write('chosen.json', 'chosen')
  assert.equal(await find({ REGISTRY_AUTH_FILE: chosen }), 'chosen:p password')
  assert.equal(
    said(await credentialsFor('my.local', { around: here.with({ REGISTRY_AUTH_FILE: chosen }), authFile: write('b.json', 'flag') })),
    'flag:p password',
  )
  here.write('chosen.json', { auths: {} })
  assert.equal(await find({ REGISTRY_AUTH_FILE: chosen }), 'none')
  await assert.rejects(find({ REGISTRY_AUTH_FILE: join(here.folder, 'none') }), {
    kind: 'not-found',
    message: /no such file \(\$REGISTRY_AUTH_FILE\)/,
  })
})

const SECRET = 'c2VjcmV0OnNlY3JldA'
for (const [name, content] of [
  ['no JSON', `{"auths": {"my.local": {"auth": "${SECRET}"`],
  ['no JSON in its middle', `{"auths": {"my.local": {"auth": "${SECRET}"}} x}`],
  ['a list', `[{"auth": "${SECRET}"}]`],
  ['entries that are text', `{"auths": {"my.local": "${SECRET}"}}`],
  ['auths that are text', `{"auths": "${SECRET}"}`],
  ['no base64', `{"auths": {"my.local": {"auth": "${SECRET}%"}}}`],
  ['base64 without a colon', `{"auths": {"my.local": {"auth": "${Buffer.from(SECRET).toString('base64')}"}}}`],
  ['a token that is no text', `{"auths": {"my.local": {"identitytoken": ["${SECRET}"]}}}`],
  ['a helper elsewhere', `{"auths": {"my.local": {"auth": "${SECRET}"}}, "credsStore": "../../bin/sh"}`],
  ['a helper with arguments', `{"credHelpers": {"my.local": "sh -c reboot"}, "auths": {"x": {"auth": "${SECRET}"}}}`],
  ['another encoding', `{"auths": {"my.local": {"auth": "${SECRET}\udc80"}}}`],
] as const)
  test(`a file with ${name} is refused by name, telling nothing`, async (t) => {
    const here = place(t)
    const path = here.write(AUTH, content === undefined ? '' : content)
    await assert.rejects(credentialsFor('my.local/x', { around: here.around }), (error) => {
      assert.ok(error instanceof WherryError)
      assert.equal(error.kind, 'invalid-argument')
      assert.ok(error.message.startsWith(`${path}: `), error.message)
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), new RegExp(SECRET.slice(0, 6)))
      return true
    })
  })

test('a file that may not be read', async (t) => {
  const here = place(t)
  const path = here.write(AUTH, '{}')
  mkdirSync(`${path}.d`)
  chmodSync(path, 0)
  // root may read everything; a folder in its place nobody can
  await assert.rejects(credentialsFor('x.local', { around: here.around, authFile: `${path}.d` }), {
    message: `${path}.d: is no regular file`,
  })
})

test('helpers', async (t) => {
  const here = place(t)
  here.helper('mine', `read server; echo "$1 $server" >> ${here.folder}/calls; echo '{"ServerURL":"x","Username":"u","Secret":"s"}'`)
  here.helper('token', `echo '{"Username":"<token>","Secret":"tok"}'`)
  here.helper('empty', 'echo "credentials not found in native keychain"; exit 1')
  here.write(AUTH, {
    auths: { 'file.local': { auth: auth('file', 'p') }, 'my.local': { auth: auth('not', 'this') } },
    credHelpers: { 'my.local': 'mine', 'token.local': 'token' },
    credsStore: 'empty',
  })
  assert.equal(await lookup(here, 'my.local/a/b'), 'u:s password')
  assert.equal(readFileSync(join(here.folder, 'calls'), 'utf8'), 'get my.local\n')
  assert.equal(await lookup(here, 'token.local/a'), ':tok identity-token')
  assert.equal(await lookup(here, 'file.local/a'), 'file:p password')
  assert.equal(await lookup(here, 'none.local/a'), 'none')
  assert.equal((await credentialsFor('my.local', { around: here.around }))?.from, 'docker-credential-mine')
})

test('helpers of registries.conf', async (t) => {
  const here = place(t)
  here.helper('empty', 'echo "credentials not found in native keychain"; exit 1')
  here.helper('mine', `echo '{"Username":"u","Secret":"s"}'`)
  here.write(AUTH, { auths: { 'my.local': { auth: auth('file', 'p') } } })
  const options = { around: here.around }
  assert.equal(
    said(await credentialsFor('my.local', { ...options, credentialHelpers: ['empty', 'containers-auth.json', 'mine'] })),
    'file:p password',
  )
  assert.equal(said(await credentialsFor('my.local', { ...options, credentialHelpers: ['empty', 'mine'] })), 'u:s password')
})

test('docker’s server name for docker.io', async (t) => {
  const here = place(t)
  here.helper('mine', `read server; echo "$server" >> ${here.folder}/calls; echo "credentials not found"; exit 1`)
  here.write(DOCKER, { credsStore: 'mine' })
  assert.equal(await lookup(here, 'docker.io/library/alpine'), 'none')
  assert.equal(readFileSync(join(here.folder, 'calls'), 'utf8'), 'https://index.docker.io/v1/\ndocker.io\n')
})

for (const [name, script, kind, message] of [
  [
    'fails',
    'echo "keychain is locked"; exit 3',
    'unavailable',
    /docker-credential-mine get for my\.local failed with status 3: keychain is locked$/,
  ],
  ['fails with an object', `echo '{"Secret":"hunter2"}'; exit 1`, 'unavailable', /failed with status 1$/],
  ['speaks to the terminal', `printf '\\033[2J'; exit 1`, 'unavailable', /status 1: \\u001b\[2J$/],
  ['says no JSON', 'echo hunter2', 'invalid-argument', /the answer is not JSON$/],
  ['says half', `echo '{"Secret":"hunter2"}'`, 'invalid-argument', /has no Username and Secret$/],
  ['says null', 'echo null', 'invalid-argument', /has no Username and Secret$/],
  ['never ends', 'exec sleep 600', 'deadline-exceeded', /did not answer within 0\.5 s/],
  [
    'says too much',
    'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done',
    'resource-exhausted',
    /more than 65536 bytes/,
  ],
  ['kills itself', 'kill -9 $$', 'unavailable', /was killed$/],
] as const)
  test(`a helper that ${name}`, async (t) => {
    const here = place(t)
    here.helper('mine', script)
    const path = here.write(AUTH, { credHelpers: { 'my.local': 'mine' } })
    await assert.rejects(
      credentialsFor('my.local/x', { around: here.around, timeout: kind === 'deadline-exceeded' ? 500 : 20_000 }),
      (error) => {
        assert.ok(error instanceof WherryError)
        assert.equal(error.kind, kind)
        assert.match(error.message, message)
        assert.ok(error.message.startsWith(`${path}: docker-credential-mine`))
        assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/)
        return true
      },
    )
  })

test('a helper that is not there, or no program', async (t) => {
  const here = place(t)
  here.write(AUTH, { credHelpers: { 'a.local': 'none', 'b.local': 'plain' } })
  here.write('bin/docker-credential-plain', 'x', 0o600)
  await assert.rejects(credentialsFor('a.local', { around: here.around }), {
    kind: 'not-found',
    message: /docker-credential-none is not on PATH/,
  })
  await assert.rejects(credentialsFor('b.local', { around: here.around }), {
    kind: 'permission-denied',
    message: /docker-credential-plain cannot be executed/,
  })
  const controller = new AbortController()
  controller.abort()
  here.helper('none', 'sleep 1')
  await assert.rejects(credentialsFor('a.local', { around: here.around, signal: controller.signal }), { kind: 'cancelled' })
})

test('login writes, keeps what it does not know, and logout takes it back', async (t) => {
  const here = place(t)
  const options = { around: here.around }
  const path = join(here.folder, AUTH)
  assert.equal(await storeCredentials('my.local:5000', password('u', 'p:q'), options), path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(join(here.folder, 'run/containers/7')).mode & 0o777, 0o700)
  assert.equal(await lookup(here, 'my.local:5000/x'), 'u:p:q password')
  here.write(AUTH, { ...JSON.parse(readFileSync(path, 'utf8')), HttpHeaders: { a: 'b' }, credHelpers: { 'h.local': 'x' } }, 0o600)
  await storeCredentials('docker.io', { kind: 'identity-token', username: 'u', secret: new Secret('tok') }, options)
  await storeCredentials('my.local:5000/ns', password('n', ''), options)
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), {
    auths: {
      'my.local:5000': { auth: auth('u', 'p:q') },
      'docker.io': { auth: auth('u', ''), identitytoken: 'tok' },
      'my.local:5000/ns': { auth: auth('n', '') },
    },
    HttpHeaders: { a: 'b' },
    credHelpers: { 'h.local': 'x' },
  })
  assert.deepEqual(await eraseCredentials('my.local:5000', options), { from: [path] })
  assert.deepEqual(await eraseCredentials('my.local:5000', options), { from: [] })
  assert.equal(await lookup(here, 'my.local:5000/ns/x'), 'n: password')
  assert.deepEqual(readdirSync(join(here.folder, 'run/containers/7')), ['auth.json'])
})

test('docker’s old key is replaced', async (t) => {
  const here = place(t)
  here.write(AUTH, { auths: { 'https://index.docker.io/v1/': { auth: auth('old', 'p') } } })
  await storeCredentials('index.docker.io', password('new', 'p'), { around: here.around })
  assert.deepEqual(JSON.parse(readFileSync(join(here.folder, AUTH), 'utf8')), { auths: { 'docker.io': { auth: auth('new', 'p') } } })
})

test('logout tells of what another program keeps', async (t) => {
  const here = place(t)
  const path = here.write(DOCKER, { auths: { 'my.local': { auth: auth('u', 'p') } } })
  assert.deepEqual(await eraseCredentials('my.local', { around: here.around }), { from: [], remaining: path })
  assert.ok(!existsSync(join(here.folder, AUTH)))
  const none = join(here.folder, 'none.json')
  assert.deepEqual(await eraseCredentials('my.local', { around: here.with({ REGISTRY_AUTH_FILE: none }) }), { from: [] })
})

test('a helper keeps, and forgets', async (t) => {
  const here = place(t)
  here.helper(
    'mine',
    `case $1 in store) cat > ${here.folder}/kept;; erase) cat > ${here.folder}/erased; rm ${here.folder}/kept;; get) echo credentials not found; exit 1;; esac`,
  )
  here.write(AUTH, { credHelpers: { 'my.local': 'mine' } })
  const options = { around: here.around }
  assert.equal(await storeCredentials('my.local', password('u', 'p"q'), options), 'docker-credential-mine')
  assert.deepEqual(JSON.parse(readFileSync(join(here.folder, 'kept'), 'utf8')), { ServerURL: 'my.local', Username: 'u', Secret: 'p"q' })
  assert.deepEqual(JSON.parse(readFileSync(join(here.folder, AUTH), 'utf8')), { credHelpers: { 'my.local': 'mine' } })
  await assert.rejects(storeCredentials('my.local/ns', password('u', 'p'), options), {
    kind: 'unsupported',
    message: /for the whole registry only/,
  })
  assert.deepEqual(await eraseCredentials('my.local', options), { from: ['docker-credential-mine'] })
  assert.equal(readFileSync(join(here.folder, 'erased'), 'utf8'), 'my.local\n')
  assert.ok(!existsSync(join(here.folder, 'kept')))
})

test('a helper that repeats the secret it could not keep', async (t) => {
  const here = place(t)
  here.helper('mine', 'printf "cannot keep: hunter2"; exit 1')
  here.write(AUTH, { credsStore: 'mine' })
  await assert.rejects(storeCredentials('my.local', password('u', 'hunter2'), { around: here.around }), (error) => {
    assert.match(String(error), /cannot keep: \[secret\]/)
    assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/)
    return true
  })
})

test('everything at once', async (t) => {
  const here = place(t)
  here.write(AUTH, { auths: { 'a.local': { auth: auth('u', 'p') }, 'a.local/x': { auth: auth('u', 'p') }, 'b.local': {} }, other: 1 })
  assert.deepEqual(await eraseAllCredentials({ around: here.around }), ['a.local', 'b.local'])
  assert.deepEqual(JSON.parse(readFileSync(join(here.folder, AUTH), 'utf8')), { auths: {}, other: 1 })
})

test('logins at once do not lose each other', async (t) => {
  const here = place(t)
  const hosts = Array.from({ length: 12 }, (_, index) => `host${index}.local`)
  await Promise.all(hosts.map((host) => storeCredentials(host, password('u', 'p'), { around: here.around })))
  const { auths } = JSON.parse(readFileSync(join(here.folder, AUTH), 'utf8')) as { auths: object }
  assert.deepEqual(Object.keys(auths).sort(), [...hosts].sort())
})

test('a file that is a link stays one', async (t) => {
  const here = place(t)
  here.write('elsewhere/auth.json', {})
  const path = here.write('run/containers/7/x', '')
  const link = path.replace(/x$/, 'auth.json')
  symlinkSync(join(here.folder, 'elsewhere/auth.json'), link)
  await storeCredentials('my.local', password('u', 'p'), { around: here.around })
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.match(readFileSync(join(here.folder, 'elsewhere/auth.json'), 'utf8'), /my\.local/)
})

test('names that are none', async (t) => {
  const here = place(t)
  for (const name of ['', 'https://my.local', 'my.local/A', 'my.local/../x', 'a\nb'])
    await assert.rejects(storeCredentials(name, password('u', 'p'), { around: here.around }), {
      kind: 'invalid-argument',
      message: /^registry /,
    })
})
