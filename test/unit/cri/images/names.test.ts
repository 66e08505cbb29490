/** How images are found and described. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { AuthConfigSchema } from '../../../../cri/api/api_pb.js'
import { credentialsOf, serverOf } from '../../../../cri/images/auth.ts'
import { digestsOf, refOf, tagsOf, userOf } from '../../../../cri/images/describe.ts'
import { forKubelet } from '../../../../cri/images/kubelet-error.ts'
import { findGroup, type ImageGroup } from '../../../../cri/images/lookup.ts'
import { ownerExists } from '../../../../cri/images/owners.ts'
import { SaidError } from '../../../../cri/rpc/said-error.ts'
import type { Digest } from '../../../../image/digest.ts'
import { RegistryError } from '../../../../image/registry/failure.ts'
import type { StoredImage } from '../../../../image/store/types.ts'
import { WherryError } from '../../../../runtime/errors.ts'

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest

const entry = (id: Digest, name: string | undefined, resolved: Digest, repository?: string): StoredImage => ({
  descriptor: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: resolved, size: 1 },
  digest: resolved,
  id,
  ...(name === undefined ? {} : { name }),
  ...(repository === undefined ? {} : { repository }),
})

const A = digest('a')
const B: ImageGroup = { id: digest('b'), entries: [entry(digest('b'), undefined, digest('2'), 'r.test/x')] }
const GROUP: ImageGroup = {
  id: A,
  entries: [
    entry(A, 'r.test/x:latest', digest('1'), 'r.test/x'),
    entry(A, `r.test/y@${digest('1')}`, digest('1'), 'r.test/y'),
    entry(A, 'docker.io/library/abcdefabcdef:latest', digest('1'), 'docker.io/library/abcdefabcdef'),
  ],
}
const SAME_BEGINNING: ImageGroup = {
  id: `sha256:${'a'.repeat(20)}${'c'.repeat(44)}` as Digest,
  entries: [entry(A, undefined, digest('3'))],
}

describe('an image is found', () => {
  const find = (text: string, groups: readonly ImageGroup[] = [GROUP, B]) => findGroup(groups, text)?.id

  test('by names, digests and ids', () => {
    for (const text of [
      'r.test/x',
      'r.test/x:latest',
      `r.test/x@${digest('1')}`,
      `r.test/y@${digest('1')}`,
      `r.test/y:any@${digest('1')}`,
      A,
      'a'.repeat(64),
      'a'.repeat(12),
    ])
      assert.equal(find(text), A, text)
    assert.equal(find(`r.test/x@${digest('2')}`), B.id, 'one that has lost its name')
  })

  test('by nothing else', () => {
    for (const text of [
      'r.test/x:other',
      'r.test/z',
      `r.test/z@${digest('1')}`,
      `r.test/x@${digest('9')}`,
      digest('9'),
      'a'.repeat(11),
      'sha256:aa',
    ])
      assert.equal(find(text), undefined, text)
  })

  test('by its name rather than by what could be an id', () => {
    assert.equal(find('docker.io/library/abcdefabcdef'), A)
    assert.equal(findGroup([GROUP, B], 'docker.io/library/abcdefabcdef')!.entry!.name, 'docker.io/library/abcdefabcdef:latest')
  })

  test('if there is one only', () => {
    assert.throws(() => find('a'.repeat(12), [GROUP, SAME_BEGINNING]), /ambiguous: sha256:a.*, sha256:a/)
    assert.equal(find(`${'a'.repeat(20)}c`, [GROUP, SAME_BEGINNING]), SAME_BEGINNING.id)
  })

  test('not by what is no name', () => {
    assert.throws(() => find(''), /image\.image/)
    assert.throws(() => find('r.test/UPPER'), /lower case/)
  })
})

test('names are told in full, each once', () => {
  assert.deepEqual(tagsOf(GROUP), ['docker.io/library/abcdefabcdef:latest', 'r.test/x:latest'])
  assert.deepEqual(
    digestsOf(GROUP),
    ['docker.io/library/abcdefabcdef', 'r.test/x', 'r.test/y'].map((name) => `${name}@${digest('1')}`),
  )
  assert.equal(refOf(GROUP, GROUP.entries[1]), `r.test/y@${digest('1')}`)
  assert.equal(refOf(GROUP, undefined), `docker.io/library/abcdefabcdef@${digest('1')}`)
  assert.equal(refOf(SAME_BEGINNING, undefined), SAME_BEGINNING.id)
})

test('a user is a number or a name', () => {
  assert.deepEqual(userOf(undefined), {})
  assert.deepEqual(userOf(''), {})
  assert.deepEqual(userOf('1000'), { uid: { value: 1000n } })
  assert.deepEqual(userOf('0:0'), { uid: { value: 0n } })
  assert.deepEqual(userOf('www-data:www-data'), { username: 'www-data' })
  assert.deepEqual(userOf('1a'), { username: '1a' })
  assert.deepEqual(userOf('9'.repeat(40)), { username: '9'.repeat(40) }, 'no int64')
})

test('a login is the first that is given', () => {
  const of = (fields: Parameters<typeof create<typeof AuthConfigSchema>>[1]) => credentialsOf(create(AuthConfigSchema, fields))
  assert.equal(credentialsOf(undefined), undefined)
  assert.equal(of({}), undefined)
  assert.deepEqual(of({ username: 'u', password: 'p', auth: 'eDp5', identityToken: 't' }), { username: 'u', password: 'p' })
  assert.deepEqual(of({ identityToken: 't', auth: 'eDp5' }), { identityToken: 't' })
  assert.deepEqual(of({ auth: Buffer.from('x:y:z\0\0').toString('base64') }), { username: 'x', password: 'y:z' })
  assert.deepEqual(of({ registryToken: 't' }), { registryToken: 't' })
  assert.throws(
    () => of({ auth: 'secret' }),
    (error: Error) => /auth\.auth/.test(error.message) && !error.message.includes('secret'),
  )
  assert.equal(serverOf(create(AuthConfigSchema, { serverAddress: 'https://index.docker.io/v1/' })), 'index.docker.io')
  assert.equal(serverOf(create(AuthConfigSchema, { serverAddress: 'localhost:5000' })), 'localhost:5000')
})

test('kubelet hears that a registry does not answer in its own words', () => {
  const down = new RegistryError('unavailable', 'r.test: no answer', 'r.test')
  const said = forKubelet(down)
  assert.ok(said instanceof SaidError)
  assert.equal(said.message, 'RegistryUnavailable: r.test: no answer')
  assert.ok(forKubelet(new WherryError('unavailable', 'all of them', { cause: down })) instanceof SaidError)
  for (const other of [new WherryError('unavailable', 'the store'), new RegistryError('not-found', 'x', 'r.test'), new Error('x')])
    assert.equal(forKubelet(other), other)
})

test('leases of others’ are theirs', () => {
  const exists = ownerExists({ get: (id) => (id === 'c1' ? ({} as never) : undefined) })
  assert.deepEqual(['cri:c1', 'cri:c1:volume', 'cri:c2', 'container:c2', 'x'].map(exists), [true, true, false, true, true])
})
