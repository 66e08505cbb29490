import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { parseReference } from '../../../../image/reference.ts'
import { certificatesFor } from '../../../../image/settings/certificates.ts'
import { connectionFor } from '../../../../image/settings/connection.ts'
import { readRegistries } from '../../../../image/settings/registries.ts'
import { place } from '../../../support/settings.ts'

const pem = (what: string, text: string): string => `-----BEGIN ${what}-----\n${text}\n-----END ${what}-----\n`

test('certificates by registry', (t) => {
  const here = place(t)
  assert.equal(certificatesFor('my.local:5000', here.around), undefined)
  here.write('etc/docker/certs.d/my.local:5000/ca.crt', pem('CERTIFICATE', 'docker'))
  assert.match(certificatesFor('my.local:5000', here.around)!.authorities[0]!, /docker/)
  here.write('etc/containers/certs.d/my.local:5000/b.crt', pem('CERTIFICATE', 'b'))
  here.write('etc/containers/certs.d/my.local:5000/a.crt', pem('CERTIFICATE', 'a'))
  here.write('etc/containers/certs.d/my.local:5000/client.cert', pem('CERTIFICATE', 'client'))
  here.write('etc/containers/certs.d/my.local:5000/client.key', pem('EC PRIVATE KEY', 'hunter2'))
  here.write('etc/containers/certs.d/my.local:5000/README', 'x')
  const found = certificatesFor('my.local:5000', here.around)!
  assert.deepEqual(
    found.authorities.map((text) => text.split('\n')[1]),
    ['a', 'b'],
  )
  assert.match(found.client!.certificate, /client/)
  assert.match(found.client!.key.reveal(), /hunter2/)
  assert.doesNotMatch(inspect(found, { depth: 9, showHidden: true }) + JSON.stringify(found), /hunter2/)
  assert.equal(certificatesFor('my.local', here.around), undefined)
  here.write('home/.config/containers/certs.d/my.local:5000/ca.crt', pem('CERTIFICATE', 'user'))
  assert.match(certificatesFor('my.local:5000', here.around)!.authorities[0]!, /user/)
})

test('half a pair, and what is no certificate', (t) => {
  const here = place(t)
  const cert = here.write('etc/containers/certs.d/a.local/client.cert', pem('CERTIFICATE', 'x'))
  assert.throws(() => certificatesFor('a.local', here.around), {
    kind: 'not-found',
    message: `${cert}: has no client.key beside it; an authority’s certificate is to end in .crt`,
  })
  const key = here.write('etc/containers/certs.d/b.local/client.key', pem('PRIVATE KEY', 'x'))
  assert.throws(() => certificatesFor('b.local', here.around), { kind: 'not-found', message: `${key}: has no client.cert beside it` })
  const crt = here.write('etc/containers/certs.d/c.local/ca.crt', 'hunter2')
  assert.throws(() => certificatesFor('c.local', here.around), { kind: 'invalid-argument', message: `${crt}: is not PEM` })
})

test('all that is needed to reach an image', async (t) => {
  const here = place(t)
  here.write(
    'etc/containers/registries.conf',
    '[[registry]]\nlocation = "my.local"\ninsecure = true\n[[registry.mirror]]\nlocation = "mirror.local:5000/hub"\n',
  )
  here.write('etc/containers/certs.d/mirror.local:5000/ca.crt', pem('CERTIFICATE', 'ca'))
  here.write('run/containers/7/auth.json', { auths: { 'my.local': { auth: Buffer.from('u:p').toString('base64') } } })
  const registries = readRegistries(here.around)
  const reference = parseReference('my.local/team/app:1')
  const { endpoints, credentials } = connectionFor(reference, { registries, around: here.around })
  assert.deepEqual(endpoints, [
    { registry: 'mirror.local:5000', repository: 'hub/team/app', insecure: false, mirror: true, tls: { ca: [pem('CERTIFICATE', 'ca')] } },
    { registry: 'my.local', repository: 'team/app', insecure: true, mirror: false },
  ])
  assert.deepEqual(await credentials!('my.local/team/app'), { username: 'u', password: 'p' })
  assert.equal(await credentials!('mirror.local:5000/hub/team/app'), undefined)
  const push = connectionFor(reference, { registries, around: here.around, direction: 'push', tlsVerify: true })
  assert.deepEqual(push.endpoints, [{ registry: 'my.local', repository: 'team/app', insecure: false, mirror: false }])
  assert.ok(connectionFor(reference, { registries, around: here.around, tlsVerify: false }).endpoints.every(({ insecure }) => insecure))
})
