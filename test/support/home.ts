/** A home for containers that nothing runs in: folders of its own, and no engine that is ever asked. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { ContainerConfig, ContainerState } from '../../cli/containers/config.ts'
import type { Home } from '../../cli/containers/home.ts'
import { newId } from '../../cli/containers/ids.ts'
import { reserveName } from '../../cli/containers/names.ts'
import { makeFolder, writeConfig, writeState } from '../../cli/containers/store.ts'
import { readRequest } from '../../cli/containers/flags/request.ts'
import type { ContainerFlags } from '../../cli/containers/flags/run-flags.ts'
import type { ContainerRequest } from '../../cli/containers/request.ts'
import { MARK } from './runtime.ts'

export interface TestHome extends Home {
  readonly warnings: string[]
  remove(): void
}

export const makeHome = (): TestHome => {
  const folder = mkdtempSync(`${tmpdir()}/${MARK}-home-`)
  const warnings: string[] = []
  const warn = (message: string): void => {
    warnings.push(message)
  }
  return {
    root: `${folder}/root`,
    runRoot: `${folder}/run`,
    engine: { root: `${folder}/run/engine`, systemdCgroup: false, warn },
    self: () => ({ path: '/bin/false', argv: ['false'], env: [] }),
    warn,
    debug: () => {},
    warnings,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export const requestOf = (flags: ContainerFlags = {}, args: readonly string[] = ['image', 'command']): ContainerRequest =>
  readRequest(flags, args, {
    env: {},
    cwd: '/',
    container: () => {
      throw new Error('no other container')
    },
    warn: () => {},
  })

export const configOf = (name: string, flags: ContainerFlags = {}, id = newId()): ContainerConfig => ({
  version: 1,
  id,
  name,
  created: '2026-01-01T00:00:00.000000000Z',
  request: requestOf(flags),
  process: { args: ['command'], env: [], cwd: '/', user: '', stopSignal: 15, volumes: [], exposed: [] },
  anonymousVolumes: [],
  labels: {},
})

export const NEW: ContainerState = { version: 1, phase: 'created', restarts: 0, stoppedByUser: false }

/** Writes it down as created. */
export const putContainer = (
  home: Home,
  name: string,
  { id, state = NEW, flags = {} }: { id?: string; state?: ContainerState; flags?: ContainerFlags } = {},
) => {
  const config = configOf(name, flags, id)
  makeFolder(home, config.id)
  writeConfig(home, config)
  reserveName(home, name, config.id)
  writeState(home, config, state)
  return config
}
