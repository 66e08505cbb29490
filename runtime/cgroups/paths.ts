/** linux.cgroupsPath, config-linux.md "Cgroups Path": where the directories of a container's cgroup are, with the cgroupfs driver. */
import { posix } from 'node:path'
import { InvalidField } from '../errors.ts'
import type { Layout } from './layout.ts'

const FIELD = 'linux.cgroupsPath'

/**
 * The path without `.` and `..`, which cannot lead out of where it starts: `/a/../../b` is `/b`, `../b` is `b`. Absolute paths
 * are below the mount point, relative ones below the caller's cgroup.
 */
export const cleanCgroupsPath = (path: string): string => {
  const clean = posix.normalize(`/${path}`).replace(/\/+$/, '')
  if (clean === '') throw new InvalidField(FIELD, `${JSON.stringify(path)} is the root of the hierarchy: name a cgroup below it`)
  if (/[\0\n]/.test(clean)) throw new InvalidField(FIELD, 'must not contain newline or NUL: the kernel refuses such names')
  return path.startsWith('/') ? clean : clean.slice(1)
}

/** Absolute directory by hierarchy. Without `cgroupsPath` it is named after the container, relative to the caller's cgroup. */
export const cgroupPaths = (layout: Layout, id: string, cgroupsPath: string | undefined): Readonly<Record<string, string>> => {
  const path = cleanCgroupsPath(cgroupsPath === undefined || cgroupsPath === '' ? id : cgroupsPath)
  const paths: Record<string, string> = {}
  for (const [key, { mountPoint, own }] of layout.hierarchies) {
    // A cgroup that has processes cannot hand on controllers on v2: there the sister of the caller's cgroup is meant.
    const start = layout.kind === 'v2' && own !== mountPoint ? posix.dirname(own) : own
    paths[key] = path.startsWith('/') ? posix.join(mountPoint, path) : posix.join(start, path)
  }
  return paths
}
