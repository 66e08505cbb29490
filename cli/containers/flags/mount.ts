/** --mount: `type=bind,source=/a,target=/b,readonly …`, fields separated by commas, those with commas in double quotes. */
import type { MountRequest } from '../request.ts'
import { bad, halves, oneOf } from './bad.ts'
import { splitCsv } from './csv.ts'
import { applyOption, type Draft, fieldsOf, isPropagation, newDraft, PROPAGATIONS, REFUSED } from './mount-options.ts'
import { hostPath, subpath, target, volumeName } from './paths.ts'
import { readTmpfsOptions, tmpfsMode } from './tmpfs.ts'

const FLAG = 'mount'
const TYPES = ['bind', 'volume', 'tmpfs', 'image'] as const
type Type = (typeof TYPES)[number]

/** Synonyms, as docker and podman have them. */
const NAMES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  'volume-subpath': 'subpath',
  'image-subpath': 'subpath',
  'bind-nonrecursive': 'nonrecursive',
  'volume-label': 'label',
  'tmpfs-size': 'size',
  'tmpfs-mode': 'mode',
  'volume-nocopy': 'nocopy',
  readwrite: 'rw',
}

/** Which fields a type has besides type, target and readonly. */
const FIELDS: Readonly<Record<Type, readonly string[]>> = {
  bind: ['source', 'bind-propagation', 'bind-recursive', 'nonrecursive', 'bind-create-src', 'idmap', 'relabel', 'consistency', 'option'],
  volume: ['source', 'subpath', 'nocopy', 'label', 'volume-driver', 'volume-opt', 'idmap', 'consistency', 'option'],
  tmpfs: ['size', 'mode', 'option', 'tmpfs-opt', 'tmpcopyup', 'notmpcopyup', 'consistency'],
  image: ['source', 'subpath', 'consistency'],
}

interface Field {
  readonly name: string
  readonly value: string | undefined
}

const fieldsIn = (text: string): readonly Field[] => {
  const split = splitCsv(text)
  if (split === undefined) throw bad(FLAG, text, 'has a double quote that does not enclose a whole field, or is not closed')
  return split.map((part) => {
    const [name, value] = halves(part, '=')
    const lower = name.trim().toLowerCase()
    if (lower === '') throw bad(FLAG, text, 'has an empty field: NAME=VALUE,… is wanted')
    return { name: NAMES[lower] ?? lower, value }
  })
}

const REPEATED = new Set(['label', 'option', 'volume-opt', 'tmpfs-opt'])

class Fields {
  readonly text: string
  readonly #fields: readonly Field[]

  constructor(text: string) {
    this.text = text
    this.#fields = fieldsIn(text)
    for (const [index, { name }] of this.#fields.entries())
      if (!REPEATED.has(name) && this.#fields.findIndex((other) => other.name === name) !== index) throw this.wrong(`has ${name} twice`)
  }

  wrong(problem: string): Error {
    return bad(FLAG, this.text, problem)
  }

  value(name: string): string | undefined {
    const field = this.#fields.find((one) => one.name === name)
    if (field !== undefined && (field.value === undefined || field.value === '')) throw this.wrong(`has ${name} without a value`)
    return field?.value
  }

  values(name: string): readonly string[] {
    return this.#fields
      .filter((field) => field.name === name)
      .map(({ value }) => {
        if (value === undefined || value === '') throw this.wrong(`has ${name} without a value`)
        return value
      })
  }

  /** `readonly`, `readonly=true`. */
  flag(name: string): boolean | undefined {
    const field = this.#fields.find((one) => one.name === name)
    if (field === undefined) return undefined
    if (field.value === undefined) return true
    if (/^(1|t|true)$/i.test(field.value)) return true
    if (/^(0|f|false)$/i.test(field.value)) return false
    throw this.wrong(`has ${name}=${field.value}, which is neither true nor false`)
  }

  optional(name: string): string | true | undefined {
    const field = this.#fields.find((one) => one.name === name)
    return field === undefined ? undefined : (field.value ?? true)
  }

  refuseOthers(type: Type): void {
    const known = ['type', 'target', 'readonly', 'rw', ...FIELDS[type]]
    for (const { name } of this.#fields) {
      if (known.includes(name)) continue
      const refused = name === 'chown' || name === 'u' ? REFUSED.get('U') : undefined
      if (refused !== undefined) throw this.wrong(`has ${name}, which ${refused}`)
      const others = TYPES.filter((other) => FIELDS[other].includes(name))
      throw this.wrong(
        others.length > 0
          ? `has ${name}, which is for ${others.map((other) => `type=${other}`).join(' and ')}, not for type=${type}`
          : `has the unknown field ${name}; type=${type} has ${known.join(', ')}`,
      )
    }
  }
}

const readonlyOf = (fields: Fields): boolean => {
  const [ro, rw] = [fields.flag('readonly'), fields.flag('rw')]
  if (ro !== undefined && rw !== undefined && ro === rw) throw fields.wrong('has both readonly and rw')
  return ro ?? (rw === undefined ? false : !rw)
}

const options = (fields: Fields, draft: Draft): void => {
  for (const option of fields.values('option').flatMap((value) => value.split(',')))
    if (!applyOption(FLAG, fields.text, draft, option)) throw fields.wrong(`has the unknown option ${JSON.stringify(option)}`)
}

const idmap = (fields: Fields, draft: Draft): void => {
  const given = fields.optional('idmap')
  if (given === undefined) return
  applyOption(FLAG, fields.text, draft, given === true ? 'idmap' : `idmap=${given}`)
}

const bind = (fields: Fields, at: string, cwd: string): MountRequest => {
  const source = fields.value('source')
  if (source === undefined) throw fields.wrong('has no source: type=bind needs a path of the machine')
  const draft = newDraft()
  options(fields, draft)
  idmap(fields, draft)
  const propagation = fields.value('bind-propagation')
  if (propagation !== undefined && !isPropagation(propagation))
    throw fields.wrong(`has bind-propagation=${propagation}, which is none of ${PROPAGATIONS.join(', ')}`)
  if (propagation !== undefined) draft.propagation = propagation
  const relabel = fields.value('relabel')
  if (relabel !== undefined) draft.relabel = oneOf(FLAG, relabel, ['shared', 'private'])
  const recursive = fields.value('bind-recursive')
  const modes = ['enabled', 'disabled', 'writable', 'readonly']
  if (recursive !== undefined && !modes.includes(recursive))
    throw fields.wrong(`has bind-recursive=${recursive}, which is none of ${modes.join(', ')}`)
  const readonly = readonlyOf(fields) || draft.readonly
  if (!readonly && (recursive === 'writable' || recursive === 'readonly'))
    throw fields.wrong(`has bind-recursive=${recursive}, which needs readonly`)
  if (recursive === 'readonly' && propagation !== 'rprivate')
    throw fields.wrong('has bind-recursive=readonly, which needs bind-propagation=rprivate')
  if (recursive === 'disabled' || fields.flag('nonrecursive') === true) draft.nonRecursive = true
  return {
    type: 'bind',
    source: hostPath(FLAG, source, cwd),
    target: at,
    ...fieldsOf({ ...draft, readonly }),
    ...(recursive === 'writable' || recursive === 'readonly' ? { recursiveReadonly: recursive } : {}),
    ...(fields.flag('bind-create-src') === true ? { createSource: true } : {}),
  }
}

const volume = (fields: Fields, at: string): MountRequest => {
  const source = fields.value('source')
  const driver = fields.value('volume-driver')
  if (driver !== undefined && driver !== 'local') throw fields.wrong(`has volume-driver=${driver}: there is no driver but local`)
  const draft = newDraft()
  options(fields, draft)
  idmap(fields, draft)
  if (fields.flag('nocopy') === true) draft.noCopy = true
  const below = fields.value('subpath')
  if (below !== undefined && source === undefined) throw fields.wrong('has a subpath of a volume that is new and empty: name a source')
  const [unknown] = fields.values('volume-opt')
  if (unknown !== undefined)
    throw fields.wrong(
      `has volume-opt=${unknown}: options are for volumes that are made by \`wherry volume create\`; name one as the source`,
    )
  const labels = Object.fromEntries(fields.values('label').map((text) => [halves(text, '=')[0], halves(text, '=')[1] ?? '']))
  return {
    type: 'volume',
    ...(source === undefined ? {} : { source: volumeName(FLAG, source) }),
    target: at,
    ...fieldsOf({ ...draft, readonly: readonlyOf(fields) || draft.readonly }),
    ...(below === undefined ? {} : { subpath: subpath(FLAG, below) }),
    ...(Object.keys(labels).length === 0 ? {} : { volumeLabels: labels }),
  }
}

const tmpfs = (fields: Fields, at: string): MountRequest => {
  const given = [...fields.values('option'), ...fields.values('tmpfs-opt')].flatMap((value) => value.split(','))
  const size = fields.value('size')
  const mode = fields.value('mode')
  if (fields.flag('tmpcopyup') === true) given.push('tmpcopyup')
  if (size !== undefined) given.push(`size=${size}`)
  const read = readTmpfsOptions(FLAG, fields.text, given)
  return {
    type: 'tmpfs',
    target: at,
    ...read,
    readonly: readonlyOf(fields) || read.readonly,
    ...(mode === undefined ? {} : { mode: tmpfsMode(FLAG, mode) }),
  }
}

const image = (fields: Fields, at: string): MountRequest => {
  const source = fields.value('source')
  if (source === undefined) throw fields.wrong('has no source: type=image needs the name of an image')
  if (fields.flag('rw') === true || fields.flag('readonly') === false) throw fields.wrong('wants to write to an image: they are read-only')
  const below = fields.value('subpath')
  return {
    type: 'image',
    source,
    target: at,
    readonly: true,
    ...(below === undefined ? {} : { subpath: subpath(FLAG, below.replace(/^\/+/, '')) }),
    options: [],
  }
}

/** Throws UsageError. @param cwd where relative sources begin */
export const readMount = (text: string, cwd: string): MountRequest => {
  const fields = new Fields(text)
  const type = fields.value('type') ?? 'volume'
  const known = TYPES.find((one) => one === type)
  if (known === undefined) throw fields.wrong(`has type=${type}, which is none of ${TYPES.join(', ')}`)
  fields.refuseOthers(known)
  const to = fields.value('target')
  if (to === undefined) throw fields.wrong('has no target: the path in the container is wanted')
  const at = target(FLAG, to)
  switch (known) {
    case 'bind':
      return bind(fields, at, cwd)
    case 'volume':
      return volume(fields, at)
    case 'tmpfs':
      return tmpfs(fields, at)
    case 'image':
      return image(fields, at)
  }
}
