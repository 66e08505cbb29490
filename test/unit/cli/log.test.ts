import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { describe as describeError } from '../../../cli/support/describe.ts'
import { formatLine, openLog } from '../../../cli/oci/log.ts'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'

const TIME = new Date('2026-11-20T13:36:46.789Z')

describe('formatLine', () => {
  test('text is logrus’', () => {
    assert.equal(
      formatLine('text', 'error', 'container does not exist', TIME),
      'time="2026-11-20T13:36:46Z" level=error msg="container does not exist"\n',
    )
    assert.equal(formatLine('text', 'warning', 'word', TIME), 'time="2026-11-20T13:36:46Z" level=warning msg=word\n')
  })

  test('text is quoted as Go quotes, so that a message stays one line', () => {
    const line = formatLine('text', 'debug', 'a "b"\\\n\t\u0007 é \u2028 \u202e', TIME)
    assert.equal(line, 'time="2026-11-20T13:36:46Z" level=debug msg="a \\"b\\"\\\\\\n\\t\\x07 é \\u2028 \\u202e"\n')
  })

  test('json has the keys that callers look for', () => {
    assert.equal(formatLine('json', 'error', 'a "b"\n', TIME), '{"level":"error","msg":"a \\"b\\"\\n","time":"2026-11-20T13:36:46Z"}\n')
  })
})

describe('openLog', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wherry-log-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('appends to the file, and keeps debug lines back unless they are asked for', () => {
    const file = join(folder, 'log.json')
    const quiet = openLog({ file, format: 'json', debug: false })
    quiet.warn('one')
    quiet.debug('hidden')
    openLog({ file, format: 'json', debug: true }).debug('two')
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => [(JSON.parse(line) as { level: string }).level, (JSON.parse(line) as { msg: string }).msg]),
      [
        ['warning', 'one'],
        ['debug', 'two'],
      ],
    )
  })

  test('a file that cannot be opened is an error about --log', () => {
    assert.throws(
      () => openLog({ file: join(folder, 'no', 'log'), format: 'text', debug: false }),
      (error: unknown) => error instanceof WherryError && /^--log: ENOENT/.test(error.message),
    )
  })
})

describe('describe', () => {
  test('a failed call has libc’s words', () => {
    assert.equal(
      describeError(new SyscallError('mount', 1, { during: 'mounts[3]', args: ['src=x', 'dst=/x'], hint: 'do that' })),
      'mounts[3]: mount src=x dst=/x: operation not permitted (do that)',
    )
  })

  test('an error of node:fs has the same form', () => {
    try {
      readFileSync('/no/such/file')
      assert.fail('it exists')
    } catch (error) {
      assert.equal(describeError(error), 'open /no/such/file: no such file or directory')
    }
  })

  test('a cause is added unless the message has it', () => {
    const cause = new SyscallError('open', 2, { args: ['/x'] })
    assert.equal(describeError(new WherryError('internal', 'cannot do it', { cause })), 'cannot do it: open /x: no such file or directory')
    assert.equal(describeError(new WherryError('internal', `no: ${cause.message}`, { cause })), `no: ${cause.message}`)
    assert.equal(describeError(new InvalidField('process.cwd', 'must be absolute')), 'process.cwd: must be absolute')
    assert.equal(describeError('text'), 'text')
  })
})
