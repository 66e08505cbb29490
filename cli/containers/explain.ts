/** The program that would make a container, without making one: run --explain. */
import { closeSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Mappings } from '../../runtime/container/idmap.ts'
import { explain } from '../../runtime/container/explain.ts'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'
import { type Bases, configOf } from './allocate.ts'
import type { ContainerConfig } from './config.ts'
import { type Home, placesOf } from './home.ts'
import { newId } from './ids.ts'
import { filePaths, hostNameOf, writeFiles } from './network/files.ts'
import { networkNames } from './network/plan.ts'
import type { ContainerRequest } from './request.ts'
import { lowersOf, openRoot, type Root } from './rootfs.ts'
import { prepareRun } from './spec/prepare.ts'
import { dataFolder } from './volumes/store.ts'

/** The layers alone: nothing is written to. */
const rootOf = async (home: Home, config: ContainerConfig, idmap: Mappings | undefined): Promise<Root> => {
  if (config.request.rootfs !== undefined) return openRoot(home, config, idmap)
  const lowers = lowersOf(home, config)
  const fd = await openRootfs(
    { lowers, readonly: true, ...(idmap === undefined ? {} : { idmap }) },
    { folder: placesOf(home, config.id).run },
  )
  return { fd, isMount: true, close: () => closeSync(fd) }
}

/** Its folder of this boot is there for a moment, with the files whose paths the program has. Throws what a start would, as far as that can be known. */
export const explainContainer = async (
  home: Home,
  request: ContainerRequest,
  bases: Bases,
  preserveFds: number,
): Promise<{ readonly text: string; readonly elf: Uint8Array }> => {
  const config = configOf(request, bases, newId())
  const { id } = config
  const { run, bundle, rootfs } = placesOf(home, id)
  for (const folder of [bundle, rootfs]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    const { network } = config.request
    const prepared = await prepareRun(home, config, {
      hostname: hostNameOf(config),
      root: (mappings) => rootOf(home, config, mappings),
      volumes: async () => (name) => dataFolder(home, name),
      image: (name) => {
        const image = config.mountedImages?.[name]
        return image === undefined ? [] : lowersOf(home, { image })
      },
      files: async (owner) => {
        if (network.mode === 'container') return filePaths(home, network.container!)
        writeFiles(home, config, { networks: networkNames(network), ...(owner === undefined ? {} : { owner }) })
        return filePaths(home, id)
      },
    })
    try {
      writeFileSync(`${bundle}/config.json`, stringifyJson(prepared.spec), { mode: 0o600 })
      return await explain(
        home.engine,
        {
          id,
          bundle,
          noPivot: false,
          noNewKeyring: false,
          preserveFds,
          mountSources: prepared.mountSources,
          reaper: request.init,
          ...(prepared.root.isMount ? { rootfs: prepared.root.fd } : {}),
        },
        { streams: request.tty ? [] : request.interactive ? [0, 1, 2] : [1, 2], terminal: request.tty },
      )
    } finally {
      prepared.close()
    }
  } finally {
    rmSync(run, { recursive: true, force: true })
  }
}
