/** Reasons to skip a test that depend on what this machine's kernel, cgroups and root can do; false where they can. */
import { existsSync, readFileSync } from 'node:fs'
import { capabilityMask } from '../../runtime/capabilities.ts'
import { layout } from '../../runtime/cgroups/layout.ts'

const own = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`)

/** Whether this process has the capability. */
export const mayUse = (capability: string): boolean => (own & capabilityMask([capability])) !== 0n

export const requiresCapability = (...names: readonly string[]): false | string => {
  const missing = names.filter((name) => !mayUse(name))
  return missing.length === 0 ? false : `requires ${missing.join(', ')}`
}

/** For a test of what is refused without it. */
export const requiresWithout = (capability: string): false | string =>
  mayUse(capability) ? `requires a root without ${capability}` : false

const available = (controller: string): boolean => {
  const { hierarchies } = layout()
  const unified = hierarchies.get('')
  return (
    hierarchies.has(controller) ||
    (unified !== undefined && readFileSync(`${unified.mountPoint}/cgroup.controllers`, 'utf8').trim().split(' ').includes(controller))
  )
}

export const requiresController = (...names: readonly string[]): false | string => {
  const missing = names.filter((name) => !available(name))
  return missing.length === 0 ? false : `requires the cgroup controllers ${missing.join(', ')}`
}

export const requiresFile = (path: string): false | string => (existsSync(path) ? false : `requires ${path}`)

/** Linux of this version or newer, for what a file system or a call has only had since. */
export const requiresKernel = (major: number, minor: number, what: string): false | string => {
  const [here, there] = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.').map(Number)
  return here! > major || (here === major && there! >= minor) ? false : `requires Linux ${major}.${minor}: ${what}`
}
