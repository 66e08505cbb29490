/** cri/api/api.proto against Kubernetes' own definitions, and the generated modules against api.proto. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { file_api } from '../../../cri/api/api_pb.js'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'

const home = resolve(import.meta.dirname, '../../..')

/** Names, numbers and types of the newest API; the file is not part of the package. */
const FACTS = process.env['WHERRY_CRI_FACTS'] ?? resolve(home, '../shared/facts/cri-v1.json')

interface Facts {
  readonly package: string
  readonly services: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>>
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly messages: Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>>
}

const scalar = (type: ScalarType): string => ScalarType[type].toLowerCase()

const kind = (of: {
  readonly message?: DescMessage | undefined
  readonly enum?: DescEnum | undefined
  readonly scalar?: ScalarType | undefined
}): string => of.message?.name ?? of.enum?.name ?? scalar(of.scalar!)

const typeOf = (field: DescField): string => {
  if (field.fieldKind === 'map') return `map<${scalar(field.mapKey)},${kind(field)}>`
  return field.fieldKind === 'list' ? `repeated ${kind(field)}` : kind(field)
}

/** Those in messages too. */
const enums = (): DescEnum[] => [...file_api.enums, ...file_api.messages.flatMap(({ nestedEnums }) => nestedEnums)]

const ours = (): Facts => ({
  package: file_api.proto.package,
  services: Object.fromEntries(
    file_api.services.map(({ name, methods }) => [
      name,
      Object.fromEntries(
        methods.map((method) => [
          method.name,
          [method.input.name, `${method.methodKind === 'server_streaming' ? 'stream ' : ''}${method.output.name}`] as const,
        ]),
      ),
    ]),
  ),
  enums: Object.fromEntries(
    enums().map(({ typeName, values }) => [
      typeName.slice(file_api.proto.package.length + 1),
      Object.fromEntries(values.map((value) => [value.name, value.number])),
    ]),
  ),
  messages: Object.fromEntries(
    file_api.messages.map(({ name, fields }) => [
      name,
      Object.fromEntries(fields.map((field) => [field.name, [field.number, typeOf(field)] as const])),
    ]),
  ),
})

test('names, numbers and types are those of Kubernetes', { skip: existsSync(FACTS) ? false : `requires ${FACTS}` }, () => {
  const facts = JSON.parse(readFileSync(FACTS, 'utf8')) as Facts
  const own = ours()
  assert.equal(own.package, facts.package)
  assert.deepEqual(own.services, facts.services)
  assert.deepEqual(own.messages, facts.messages)
  assert.deepEqual(own.enums, facts.enums)
  assert.equal(Object.values(facts.services).flatMap((service) => Object.keys(service)).length, 43)
})

test('the generated modules are what `npm run proto` makes', { skip: requires('protoc') }, () => {
  const folder = mkdtempSync(join(tmpdir(), `${MARK}-proto-`))
  try {
    const { scripts } = JSON.parse(readFileSync(`${home}/package.json`, 'utf8')) as { readonly scripts: { readonly proto: string } }
    const command = scripts.proto.replace('--es_out=cri/api', `--es_out=${folder}`)
    const { status, stderr } = spawnSync('sh', ['-c', command], {
      cwd: home,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${home}/node_modules/.bin:${process.env['PATH']}` },
    })
    assert.equal(status, 0, stderr)
    for (const name of ['api_pb.js', 'api_pb.d.ts'])
      assert.equal(
        readFileSync(`${home}/cri/api/${name}`, 'utf8'),
        readFileSync(`${folder}/${name}`, 'utf8'),
        `make cri/api/${name} again: npm run proto`,
      )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every RPC says what it does', () => {
  const source = readFileSync(`${home}/cri/api/api.proto`, 'utf8').split('\n')
  const silent = source.flatMap((line, at) =>
    /^ {2}rpc (\w+)/.test(line) && !source[at - 1]!.trim().startsWith('//') ? [line.trim()] : [],
  )
  assert.deepEqual(silent, [])
})
