/** Who is in a cgroup: cgroup.procs, cgroups(7). */
import { readdirSync } from 'node:fs'
import { isErrno } from '../sys/error.ts'
import { failure, tryReadCgroupFile } from './file.ts'

/** Directories below, each after those that are in it. */
export const subdirectories = (dir: string): readonly string[] => {
  let entries: readonly { readonly name: string; isDirectory(): boolean }[]
  try {
    entries = readdirSync(dir, { withFileTypes: true })
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return []
    throw failure(error, 'readdir', [dir])
  }
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const path = `${dir}/${name}`
      return [...subdirectories(path), path]
    })
}

/** In a threaded cgroup only threads can be listed. */
const read = (dir: string): string => {
  try {
    return tryReadCgroupFile(dir, 'cgroup.procs') ?? ''
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) throw error
    return tryReadCgroupFile(dir, 'cgroup.threads') ?? ''
  }
}

/** Process ids as seen in our pid namespace; processes outside of it are listed as 0 and left out. */
export const processesIn = (dir: string, { recursive }: { readonly recursive: boolean }): readonly number[] => {
  const directories = recursive ? [...subdirectories(dir), dir] : [dir]
  const pids = directories.flatMap((one) => read(one).split('\n').map(Number))
  return [...new Set(pids.filter((pid) => pid > 0))]
}
