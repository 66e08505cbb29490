import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import { stringifyJson } from '../../../runtime/spec/json.ts'
import { loadBundle, MAX_CONFIG_SIZE } from '../../../runtime/spec/load.ts'
import { validConfig } from './table.ts'

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'wherry-spec-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

const bundleWith = (t: TestContext, config: string | Buffer): string => {
  const bundle = folder(t)
  mkdirSync(join(bundle, 'rootfs'))
  writeFileSync(join(bundle, 'config.json'), config)
  return bundle
}

const valid = stringifyJson(validConfig())
const load = (bundle: string) => loadBundle(bundle, { warn: assert.fail })

const fails = (bundle: string, kind: string, says: RegExp): void => {
  assert.throws(
    () => load(bundle),
    (error) => {
      assert(error instanceof WherryError, String(error))
      assert.equal(error.kind, kind, error.message)
      assert.match(error.message, says)
      return true
    },
  )
}

test('loads a bundle and makes its paths absolute', (t) => {
  const bundle = bundleWith(t, valid)
  const link = join(bundle, 'link')
  symlinkSync('.', link)
  const loaded = load(link)
  assert.equal(loaded.bundle, bundle)
  assert.equal(loaded.spec.root.path, join(bundle, 'rootfs'))
})

test('reads numbers of 64 bits exactly', (t) => {
  const bundle = bundleWith(t, valid.replace('"cwd"', '"rlimits":[{"type":"RLIMIT_CPU","soft":0,"hard":18446744073709551615}],"cwd"'))
  assert.equal(load(bundle).spec.process.rlimits?.[0]?.hard, 2n ** 64n - 1n)
})

test('names a missing bundle and a missing config.json', (t) => {
  const bundle = folder(t)
  fails(join(bundle, 'nowhere'), 'not-found', /^cannot find bundle .*nowhere: ENOENT$/)
  fails(bundle, 'not-found', /^JSON specification file config\.json not found: .*\/config\.json$/)
  fails(join(bundleWith(t, valid), 'config.json'), 'not-found', /^cannot open .*config\.json\/config\.json: ENOTDIR$/)
})

test('refuses a config.json that is no regular file, without waiting for it', (t) => {
  const bundle = folder(t)
  mkdirSync(join(bundle, 'config.json'))
  fails(bundle, 'invalid-argument', /config\.json must be a regular file$/)
  rmSync(join(bundle, 'config.json'), { recursive: true })
  execFileSync('mkfifo', [join(bundle, 'config.json')])
  fails(bundle, 'invalid-argument', /config\.json must be a regular file$/)
  rmSync(join(bundle, 'config.json'))
  symlinkSync('/dev/zero', join(bundle, 'config.json'))
  fails(bundle, 'invalid-argument', /config\.json must be a regular file$/)
})

test('refuses a config.json over the size cap', (t) => {
  const bundle = bundleWith(t, '{')
  truncateSync(join(bundle, 'config.json'), MAX_CONFIG_SIZE + 1)
  fails(bundle, 'invalid-argument', /config\.json must not be larger than 16 MiB$/)
})

test('names the position of a syntax error', (t) => {
  fails(bundleWith(t, ''), 'invalid-argument', /config\.json is not valid JSON: Unexpected end of JSON input$/)
  fails(bundleWith(t, '{"a": 1,\n "b" 2}'), 'invalid-argument', /config\.json is not valid JSON: .*line 2 column 6/)
})

test('refuses what is not UTF-8', (t) => {
  fails(bundleWith(t, Buffer.from('{"hostname": "\xff"}', 'latin1')), 'invalid-argument', /config\.json must be JSON in UTF-8$/)
})

test('a null config is refused', (t) => fails(bundleWith(t, 'null'), 'invalid-argument', /^config\.json: must be an object, is null$/))

test('refuses a rootfs that is missing, a file or a symbolic link', (t) => {
  const bundle = bundleWith(t, valid)
  const rootfs = join(bundle, 'rootfs')
  rmSync(rootfs, { recursive: true })
  const refused = (says: RegExp) =>
    assert.throws(
      () => load(bundle),
      (error) => error instanceof InvalidField && error.path === 'root.path' && says.test(error.message),
    )
  refused(/must be a directory: cannot stat .*\/rootfs: ENOENT/)
  writeFileSync(rootfs, '')
  refused(/must be a directory: .*\/rootfs$/)
  rmSync(rootfs)
  symlinkSync('/', rootfs)
  refused(/must be a directory, not a symbolic link: .*\/rootfs$/)
})
