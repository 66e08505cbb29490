/** The CDI devices of this machine, read when a container wants some: files may come and go at any time. */
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import { type DeviceFact, deviceFact } from '../../../runtime/container/host-devices.ts'
import { parseJson } from '../../../runtime/spec/json.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { ContainerConfig } from '../../api/api_pb.js'
import { type CdiContainerEdits, type CdiNode, type CdiSpec, parseCdi } from './parse.ts'
import { type CdiEdits, NO_EDITS } from './types.ts'

/** The later ones count more: SPEC.md, "CDI Spec discovery". */
export const CDI_FOLDERS: readonly string[] = ['/etc/cdi', '/var/run/cdi']

const ANNOTATION = 'cdi.k8s.io/'
const NAME = /^([^/=]+\/[^/=]+)=(.+)$/

interface File {
  readonly path: string
  readonly spec?: CdiSpec
  /** Why it has none. */
  readonly problem?: string
}

const read = async (path: string): Promise<File> => {
  try {
    const parse = path.endsWith('.json') ? parseJson : (await import('./yaml.ts')).parseYaml
    return { path, spec: parseCdi(parse(readFileSync(path, 'utf8'))) }
  } catch (error) {
    if (error instanceof WherryError || error instanceof SyntaxError || isErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ELOOP'))
      return { path, problem: error instanceof Error ? error.message : String(error) }
    throw error
  }
}

const filesIn = async (folder: string): Promise<readonly File[]> => {
  try {
    const names = readdirSync(folder).filter((name) => /\.(json|ya?ml)$/.test(name))
    return await Promise.all(names.sort().map((name) => read(`${folder}/${name}`)))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

interface Wanted {
  readonly name: string
  readonly field: string
}

/** By CDI_devices, and by annotations as device plugins of before it had it. */
const wantedDevices = ({ CDIDevices, annotations }: Pick<ContainerConfig, 'CDIDevices' | 'annotations'>): readonly Wanted[] => {
  const direct = CDIDevices.map(({ name }, index) => ({ name, field: `config.CDI_devices[${index}].name` }))
  const noted = Object.entries(annotations)
    .filter(([key]) => key.startsWith(ANNOTATION))
    .flatMap(([key, value]) => value.split(',').map((name) => ({ name: name.trim(), field: `config.annotations[${JSON.stringify(key)}]` })))
  return [...new Map([...noted, ...direct].map((one) => [one.name, one] as const)).values()]
}

const statOf = (path: string, field: string): Stats => {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw new InvalidField(field, `its device ${path} does not exist on this machine`)
  return stat
}

const deviceOf = (node: CdiNode, field: string): DeviceFact => {
  const { type, major, minor, permissions, path, hostPath } = node
  const whole = type === 'p' || (type !== undefined && major !== undefined && minor !== undefined)
  const found = whole ? undefined : deviceFact(statOf(hostPath, field), hostPath, path, permissions)
  if (!whole && found === undefined) throw new InvalidField(field, `${hostPath} is no device`)
  return {
    type: type ?? found!.type,
    source: hostPath,
    path,
    major: major ?? found?.major ?? 0,
    minor: minor ?? found?.minor ?? 0,
    fileMode: node.fileMode === undefined ? (found?.fileMode ?? 0o666) : node.fileMode & 0o777,
    uid: node.uid ?? found?.uid ?? 0,
    gid: node.gid ?? found?.gid ?? 0,
    access: permissions,
  }
}

const find = (
  { name, field }: Wanted,
  folders: readonly (readonly File[])[],
): { readonly spec: CdiSpec; readonly own: CdiContainerEdits } => {
  const [, kind, device] = NAME.exec(name) ?? []
  if (kind === undefined || device === undefined) throw new InvalidField(field, `${JSON.stringify(name)} is not vendor/class=device`)
  for (const files of folders.toReversed()) {
    const having = files.filter(({ spec }) => spec?.kind === kind && spec.devices.has(device))
    if (having.length > 1)
      throw new InvalidField(field, `CDI device ${name} is in several files: ${having.map(({ path }) => path).join(', ')}`)
    const spec = having[0]?.spec
    if (spec !== undefined) return { spec, own: spec.devices.get(device)! }
  }
  const broken = folders.flat().filter(({ problem }) => problem !== undefined)
  const hint =
    broken.length === 0 ? '' : `; files that could not be read: ${broken.map(({ path, problem }) => `${path} (${problem})`).join(', ')}`
  throw new InvalidField(field, `unresolvable CDI device ${name}: it is in no file of ${CDI_FOLDERS.join(', ')}${hint}`)
}

const joined = (all: readonly (CdiContainerEdits & { readonly field: string })[]): CdiEdits => ({
  env: all.flatMap(({ env }) => env),
  devices: all.flatMap(({ deviceNodes, field }) => deviceNodes.map((node) => deviceOf(node, field))),
  mounts: all.flatMap(({ mounts }) => mounts),
  hooks: all.flatMap(({ hooks }) => hooks),
  additionalGids: [...new Set(all.flatMap(({ additionalGids }) => additionalGids))],
})

/** What the devices that a container wants change in it. Throws `invalid-argument` naming the field. */
export const cdiEdits = async (
  config: Pick<ContainerConfig, 'CDIDevices' | 'annotations'>,
  folders: readonly string[] = CDI_FOLDERS,
): Promise<CdiEdits> => {
  const wanted = wantedDevices(config)
  if (wanted.length === 0) return NO_EDITS
  const files = await Promise.all(folders.map(filesIn))
  const seen = new Set<CdiSpec>()
  return joined(
    wanted.flatMap((one) => {
      const { spec, own } = find(one, files)
      const first = !seen.has(spec)
      seen.add(spec)
      return [...(first ? [{ ...spec.edits, field: one.field }] : []), { ...own, field: one.field }]
    }),
  )
}
