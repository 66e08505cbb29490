/** The process that holds a pod's namespaces: a container of the engine that executes nothing (runtime/init/holder.ts), and a keeper. */
import { mkdirSync, readFileSync } from 'node:fs'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { createKept, type Kept } from '../../runtime/container/kept.ts'
import { logOptions } from '../../runtime/keeper/options.ts'
import { OCI_VERSION } from '../../runtime/spec/version.ts'
import type { LinuxNamespace, Spec } from '../../runtime/spec/types.ts'
import type { Cri } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { cgroupsPathOf } from './cgroup.ts'
import { hasNodeIpc, hasNodeNetwork } from './namespace-modes.ts'
import { emptyRoot, sandboxPlaces } from './places.ts'
import { sysctlsWithDefaults } from './sysctls.ts'

/** As spared from the OOM killer as kubelet expects of what holds a pod. */
const OOM_SCORE_ADJ = -998

/** It says nothing: the smallest spool. */
const SILENT = logOptions(4096, 2)

const namespaces = ({ config, mappings }: Sandbox): LinuxNamespace[] => [
  { type: 'mount' },
  // always one of its own: nothing inside can end it, whoever shares it
  { type: 'pid' },
  ...(hasNodeIpc(config) ? [] : [{ type: 'ipc' } as const]),
  // with the node's network goes the node's name
  ...(hasNodeNetwork(config) ? [] : [{ type: 'network' } as const, { type: 'uts' } as const]),
  ...(mappings === undefined ? [] : [{ type: 'user' } as const]),
]

const oomScoreAdj = ({ config }: Cri): number =>
  config.restrictOomScoreAdj ? Math.max(OOM_SCORE_ADJ, Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))) : OOM_SCORE_ADJ

const specOf = (cri: Cri, sandbox: Sandbox): Spec => {
  const { config, mappings } = sandbox
  const ownName = !hasNodeNetwork(config) && config.hostname !== ''
  return {
    ociVersion: OCI_VERSION,
    process: {
      user: { uid: 0, gid: 0 },
      args: ['wherry-holder'],
      env: ['HOME=/'],
      cwd: '/',
      capabilities: {},
      noNewPrivileges: true,
      oomScoreAdj: oomScoreAdj(cri),
    },
    root: { path: emptyRoot(cri), readonly: true },
    ...(ownName ? { hostname: config.hostname } : {}),
    mounts: [],
    linux: {
      namespaces: namespaces(sandbox),
      ...(mappings === undefined ? {} : { uidMappings: mappings.uid, gidMappings: mappings.gid }),
      cgroupsPath: cgroupsPathOf(cri.config, config, sandbox.id),
      sysctl: sysctlsWithDefaults(config, mappings !== undefined),
    },
  }
}

/** Its loopback is up. After a failure nothing of it is left. */
export const makeHolder = async (cri: Cri, sandbox: Sandbox): Promise<Kept> => {
  const places = sandboxPlaces(cri, sandbox.id)
  const root = emptyRoot(cri)
  mkdirSync(root, { recursive: true, mode: 0o755 })
  for (const folder of [places.keeper, places.spool]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  return createKept(
    cri.engine,
    { id: sandbox.id, bundle: places.run, spec: specOf(cri, sandbox), noPivot: false, noNewKeyring: true, preserveFds: 0, holder: true },
    { run: places.keeper, spool: places.spool, log: SILENT, durable: false, stdin: 'none', terminal: false },
  )
}

/** Idempotent. Its cgroup goes with it. */
export const endHolder = (cri: Cri, id: string): Promise<void> => deleteContainer(cri.engine, id, { force: true })
