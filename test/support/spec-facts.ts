/** Facts of a machine that is not this one, for tests of specs. */
import type { MachineFacts } from '../../runtime/container/machine.ts'
import type { SpecFacts } from '../../cli/containers/spec/facts.ts'
import { buildSpec, type BuiltSpec } from '../../cli/containers/spec/build.ts'
import { CAPABILITY_NAMES } from '../../runtime/capabilities.ts'
import { parseJson, stringifyJson } from '../../runtime/spec/json.ts'
import { parseSpec } from '../../runtime/spec/parse.ts'
import type { Spec } from '../../runtime/spec/types.ts'
import { configFor, readLine, type ReadOptions } from './requests.ts'

export const MACHINE: MachineFacts = {
  arch: 'x64',
  kernel: [6, 1],
  rootless: false,
  cgroup: { layout: 'v2', systemd: false, swap: true, delegated: true },
  capabilities: { known: CAPABILITY_NAMES, own: CAPABILITY_NAMES },
  apparmor: false,
  selinux: false,
  openFiles: 524_288n,
  oomScoreAdj: 0,
}

export interface FactOptions extends Partial<Omit<SpecFacts, 'machine' | 'warn'>> {
  readonly machine?: Partial<MachineFacts>
  readonly read?: ReadOptions
}

export interface Built extends BuiltSpec {
  readonly warnings: readonly string[]
  /** As the engine reads it from the bundle. */
  readonly parsed: Spec
}

/** The spec of a command line of run: `argv` are its flags. */
export const specOf = (argv: readonly string[], { machine, read, ...facts }: FactOptions = {}): Built => {
  const warnings: string[] = []
  const { request } = readLine(argv, read)
  const built = buildSpec(configFor(request), {
    machine: { ...MACHINE, ...machine },
    rootfs: '/run/rootfs',
    user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
    hostname: 'box',
    files: {},
    sources: new Map(
      request.mounts.flatMap(({ type, source }, index) =>
        type === 'tmpfs' ? [] : [[index, { kind: 'path', path: type === 'bind' ? source! : `/store/${source ?? 'anonymous'}` }] as const],
      ),
    ),
    devices: [],
    blockDevices: new Map(),
    inits: new Map(),
    warn: (message) => warnings.push(message),
    ...facts,
  })
  const complaints: string[] = []
  const parsed = parseSpec(parseJson(stringifyJson(built.spec)), '/bundle', (message) => complaints.push(message))
  if (complaints.length > 0) throw new Error(`the engine complains: ${complaints.join('; ')}`)
  return { ...built, warnings, parsed }
}
