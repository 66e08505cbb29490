/** What -v, --mount and --volumes-from say of a mount behind its paths. */
import type { MountRequest } from '../request.ts'
import { bad } from './bad.ts'
import { readIdmap } from './id-mappings.ts'

export const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const

export const isPropagation = (text: string): text is NonNullable<MountRequest['propagation']> =>
  PROPAGATIONS.some((propagation) => propagation === text)

/** mount(8): each with its opposite; of a pair one may be given. */
const ATTRIBUTES = [
  ['nosuid', 'suid'],
  ['nodev', 'dev'],
  ['noexec', 'exec'],
  ['noatime', 'atime', 'relatime', 'strictatime'],
  ['nodiratime', 'diratime'],
] as const

export const isAttribute = (text: string): boolean => ATTRIBUTES.some((group) => (group as readonly string[]).includes(text))

/** Docker Desktop's; they change nothing on Linux. */
export const IGNORED = new Set(['consistent', 'cached', 'delegated', 'default'])

/** What podman can and Wherry will not, each with what to do. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  [
    'U',
    "is not supported, it would change the owners of files on the machine: use idmap, by which they have the container's ids inside only",
  ],
  ['O', 'is not supported: use ro, or an image (--mount type=image)'],
])

export interface Draft {
  readonly: boolean
  readonlyGiven?: string
  propagation?: NonNullable<MountRequest['propagation']>
  nonRecursive?: boolean
  noCopy?: boolean
  relabel?: NonNullable<MountRequest['relabel']>
  idmap?: NonNullable<MountRequest['idmap']>
  readonly options: string[]
}

export const newDraft = (): Draft => ({ readonly: false, options: [] })

const once = (flag: string, whole: string, former: string | undefined, now: string): void => {
  if (former !== undefined && former !== now) throw bad(flag, whole, `has both ${former} and ${now}`)
}

const attribute = (flag: string, whole: string, draft: Draft, option: string): void => {
  const group = ATTRIBUTES.find((names) => (names as readonly string[]).includes(option))!
  once(
    flag,
    whole,
    draft.options.find((other) => (group as readonly string[]).includes(other)),
    option,
  )
  if (!draft.options.includes(option)) draft.options.push(option)
}

/** One word behind the second colon of -v. False: it is none. */
export const applyOption = (flag: string, whole: string, draft: Draft, option: string): boolean => {
  const refused = REFUSED.get(option)
  if (refused !== undefined) throw bad(flag, whole, `has the option ${option}, which ${refused}`)
  if (option === 'ro' || option === 'rw') {
    once(flag, whole, draft.readonlyGiven, option)
    draft.readonlyGiven = option
    draft.readonly = option === 'ro'
  } else if (option === 'z' || option === 'Z') {
    once(flag, whole, draft.relabel === undefined ? undefined : draft.relabel === 'shared' ? 'z' : 'Z', option)
    draft.relabel = option === 'z' ? 'shared' : 'private'
  } else if (isPropagation(option)) {
    once(flag, whole, draft.propagation, option)
    draft.propagation = option
  } else if (option === 'bind' || option === 'rbind') {
    once(flag, whole, draft.nonRecursive === undefined ? undefined : draft.nonRecursive ? 'bind' : 'rbind', option)
    draft.nonRecursive = option === 'bind'
  } else if (option === 'nocopy' || option === 'copy') {
    once(flag, whole, draft.noCopy === undefined ? undefined : draft.noCopy ? 'nocopy' : 'copy', option)
    draft.noCopy = option === 'nocopy'
  } else if (option === 'idmap') draft.idmap = true
  else if (option.startsWith('idmap=')) draft.idmap = readIdmap(flag, option.slice('idmap='.length))
  else if (isAttribute(option)) attribute(flag, whole, draft, option)
  else return IGNORED.has(option)
  return true
}

/** The fields of the request that the options have come to. */
export const fieldsOf = (draft: Draft): Omit<MountRequest, 'type' | 'source' | 'target'> => ({
  readonly: draft.readonly,
  ...(draft.propagation === undefined ? {} : { propagation: draft.propagation }),
  ...(draft.nonRecursive === true ? { nonRecursive: true } : {}),
  ...(draft.noCopy === true ? { noCopy: true } : {}),
  ...(draft.relabel === undefined ? {} : { relabel: draft.relabel }),
  ...(draft.idmap === undefined ? {} : { idmap: draft.idmap }),
  options: draft.options,
})
