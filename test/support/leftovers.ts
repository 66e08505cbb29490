/** What a container may leave on the host. All that tests make has the mark of the run in its name. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { layout } from '../../runtime/cgroups/layout.ts'
import { isErrno } from '../../runtime/sys/error.ts'

/** Undefined for a file of a process or a cgroup that has just gone. */
const tryRead = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENODEV')) return undefined
    throw error
  }
}

/** Pids of the machine. */
const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** `PID COMMAND` of processes that have `mark` in their environment or in the name of their cgroup. */
export const processesOf = (mark: string): string[] =>
  pids().flatMap((pid) => {
    if (pid === process.pid || pid === process.ppid) return []
    const marked = tryRead(`/proc/${pid}/environ`)?.includes(`WHERRY_TEST=${mark}`) || tryRead(`/proc/${pid}/cgroup`)?.includes(mark)
    if (!marked || /^State:\s+Z/m.test(tryRead(`/proc/${pid}/status`) ?? 'State: Z')) return []
    return [`${pid} ${tryRead(`/proc/${pid}/comm`)?.trim()} ${tryRead(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ')}`]
  })

const foldersBelow = (folder: string): string[] => {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => [`${folder}/${name}`, ...foldersBelow(`${folder}/${name}`)])
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return []
    throw error
  }
}

/** Mount points of all cgroup hierarchies. */
export const hierarchies = (): string[] => [...new Set([...layout().hierarchies.values()].map(({ mountPoint }) => mountPoint))]

/** Folders of cgroups with `mark` in their name, deepest first. */
export const cgroupsOf = (mark: string): string[] =>
  hierarchies()
    .flatMap(foldersBelow)
    .filter((folder) => folder.includes(mark))
    .reverse()

/** Lines of this process's mount table. */
export const mountTable = (): string[] => readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n')

export const mountsOf = (mark: string): string[] => mountTable().filter((line) => line.includes(mark))

/** Files and folders in the places where the runtime or a test puts them. */
export const filesOf = (mark: string): string[] =>
  [tmpdir(), '/run', '/run/netns', '/run/user/0', '/run/wherry-oci', '/run/runc', '/var/run/netns', '/dev/shm']
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`))
    .filter((path) => path.includes(mark))

/** Everything with the mark, in words; empty where all is clean. */
export const leftovers = (mark: string): string[] => [
  ...processesOf(mark).map((one) => `process ${one}`),
  ...cgroupsOf(mark).map((one) => `cgroup ${one}`),
  ...mountsOf(mark).map((one) => `mount ${one}`),
  ...filesOf(mark).map((one) => `file ${one}`),
]

/** Ends the processes of a cgroup and removes it, for a test that has failed. */
export const removeCgroup = (folder: string): void => {
  for (const pid of tryRead(`${folder}/cgroup.procs`)?.trim().split('\n') ?? []) {
    try {
      if (Number(pid) > 1) process.kill(Number(pid), 'SIGKILL')
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error
    }
  }
  try {
    rmdirSync(folder)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EBUSY')) throw error
  }
}
