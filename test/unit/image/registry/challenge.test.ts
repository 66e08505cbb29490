import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseChallenges } from '../../../../image/registry/challenge.ts'

const parsed = (header: string | null): object[] => parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, ...parameters }))

describe('WWW-Authenticate', () => {
  const cases: readonly (readonly [string, string | null, readonly object[]])[] = [
    ['none', null, []],
    ['empty', '', []],
    ['basic', 'Basic realm="Registry"', [{ scheme: 'basic', realm: 'Registry' }]],
    [
      'docker’s',
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"',
      [{ scheme: 'bearer', realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:library/alpine:pull' }],
    ],
    [
      'commas in quotes',
      'Bearer realm="a, b",scope="repository:x:pull,push"',
      [{ scheme: 'bearer', realm: 'a, b', scope: 'repository:x:pull,push' }],
    ],
    ['escapes', String.raw`Basic realm="say \"a\\b\""`, [{ scheme: 'basic', realm: String.raw`say "a\b"` }]],
    ['names in any case', 'BEARER Realm="x",SERVICE=y', [{ scheme: 'bearer', realm: 'x', service: 'y' }]],
    ['space around =', 'Basic realm = "x" , charset = UTF-8', [{ scheme: 'basic', realm: 'x', charset: 'UTF-8' }]],
    [
      'several in one',
      'Basic realm="a", charset="UTF-8", Bearer realm="b", scope="c"',
      [
        { scheme: 'basic', realm: 'a', charset: 'UTF-8' },
        { scheme: 'bearer', realm: 'b', scope: 'c' },
      ],
    ],
    ['without parameters', 'Negotiate, Basic realm="a"', [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'a' }]],
    ['token68', 'Negotiate YWJj/+==, Basic realm="a"', [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'a' }]],
    ['empty elements', ', ,Basic ,, realm="a",,', [{ scheme: 'basic' }, { scheme: 'realm' }]],
    ['twice the same', 'Basic realm="first",realm="second"', [{ scheme: 'basic', realm: 'first' }]],
    ['a quote that does not end', 'Bearer realm="https://x', [{ scheme: 'bearer' }, { scheme: 'realm' }]],
    ['rubbish behind', 'Basic realm="a" ??? Bearer realm="b"', [{ scheme: 'basic', realm: 'a' }]],
  ]
  for (const [name, header, expected] of cases)
    test(name, () => {
      assert.deepEqual(parsed(header), expected)
    })

  test('names of JavaScript’s are names like others', () => {
    const [challenge] = parseChallenges('Bearer __proto__="a",constructor="b"')
    assert.deepEqual(Object.entries(challenge!.parameters), [
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
  })

  test('ends in time whatever comes', () => {
    for (const piece of ['a ', 'a=', '"', '\\', ',', 'a="\\', 'a b=c,', ' \t'])
      for (const tail of ['', '"', '=', '\n']) {
        const challenges = parseChallenges(piece.repeat(20_000) + tail)
        assert.ok(challenges.length <= 8192)
      }
  })

  test('says the same of what it has written itself', () => {
    let state = 7
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
      return state % below
    }
    const word = (): string => Array.from({ length: 1 + random(6) }, () => 'abcXYZ019-._~'[random(13)]).join('')
    const value = (): string => Array.from({ length: random(12) }, () => 'ab ,="\\:/é'[random(10)]).join('')
    for (let round = 0; round < 500; round++) {
      const wanted = Array.from({ length: 1 + random(3) }, () => ({
        scheme: word().toLowerCase(),
        parameters: Object.fromEntries(Array.from({ length: 1 + random(4) }, () => [word().toLowerCase(), value()])),
      }))
      const header = wanted
        .map(({ scheme, parameters }) => {
          const written = Object.entries(parameters).map(([name, text]) => `${name}="${text.replace(/["\\]/g, '\\$&')}"`)
          return `${scheme} ${written.join(random(2) === 0 ? ', ' : ',')}`
        })
        .join(', ')
      assert.deepEqual(
        parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } })),
        wanted,
        header,
      )
    }
  })
})
