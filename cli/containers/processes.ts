/** Processes of a container as /proc shows them to this machine, in the words of ps(1). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'

/** USER_HZ, which is 100 on all machines that we run on; time(7). */
const TICKS = 100
const PAGE_KIB = 4
/** /dev/pts/N, Documentation/admin-guide/devices.txt. */
const FIRST_PTS_MAJOR = 136
const LAST_PTS_MAJOR = 143
const TTY_MAJOR = 4

export interface ProcessInfo {
  readonly pid: number
  readonly ppid: number
  readonly pgid: number
  readonly sid: number
  readonly uid: number
  readonly gid: number
  /** One letter. */
  readonly state: string
  readonly tty: number
  /** Seconds. */
  readonly cpuTime: number
  readonly elapsed: number
  readonly nice: number
  readonly priority: number
  readonly threads: number
  /** KiB. */
  readonly size: number
  readonly resident: number
  readonly comm: string
  readonly args: string
}

const firstIds = (status: string, name: string): number => Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)

/** Bytes: what a process has made its command line is shown as far as this. */
const LONGEST = 4096

const argsOf = (pid: number, comm: string): string => {
  const text = readFileSync(`/proc/${pid}/cmdline`).subarray(0, LONGEST).toString('utf8').replace(/\0+$/, '').replaceAll('\0', ' ')
  return text === '' ? `[${comm}]` : text
}

/** Undefined where it has ended. @param uptime seconds */
const readProcess = (pid: number, uptime: number): ProcessInfo | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    // proc_pid_stat(5), from field 3 on: the name before may hold anything
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const field = (number: number): number => Number(fields[number - 3])
    const comm = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    return {
      pid,
      ppid: field(4),
      pgid: field(5),
      sid: field(6),
      uid: firstIds(status, 'Uid'),
      gid: firstIds(status, 'Gid'),
      state: fields[0]!,
      tty: field(7),
      cpuTime: (field(14) + field(15)) / TICKS,
      elapsed: Math.max(0, uptime - field(22) / TICKS),
      priority: field(18),
      nice: field(19),
      threads: field(20),
      size: Math.round(field(23) / 1024),
      resident: field(24) * PAGE_KIB,
      comm,
      args: argsOf(pid, comm),
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

const pidNamespace = (pid: string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

/** Processes in the pid namespace of `init`, where no cgroup tells; init alone if that is ours too. */
export const pidsBeside = (init: number): number[] => {
  const namespace = pidNamespace(String(init))
  if (namespace === undefined || namespace === pidNamespace('self')) return [init]
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && pidNamespace(name) === namespace)
    .map(Number)
}

/** Those of `pids` that are there, in this order. */
export const readProcesses = (pids: readonly number[]): ProcessInfo[] => {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  return pids.map((pid) => readProcess(pid, uptime)).filter((process) => process !== undefined)
}

/** Names by id of this machine's passwd(5) or group(5). */
const namesOf = (file: string): ReadonlyMap<number, string> => {
  try {
    return new Map(
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
        .filter((fields) => fields.length > 2)
        .map(([name, , id]) => [Number(id), name!]),
    )
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return new Map()
    throw error
  }
}

const lookUp = (file: string): ((id: number) => string) => {
  let names: ReadonlyMap<number, string> | undefined
  return (id) => {
    names ??= namesOf(file)
    return names.get(id) ?? String(id)
  }
}

const userName = lookUp('/etc/passwd')
const groupName = lookUp('/etc/group')

const ttyName = (tty: number): string => {
  // struct of MKDEV's halves: the minor's are apart
  const major = (tty >> 8) & 0xfff
  const minor = (tty & 0xff) | ((tty >> 12) & 0xfff00)
  if (major >= FIRST_PTS_MAJOR && major <= LAST_PTS_MAJOR) return `pts/${(major - FIRST_PTS_MAJOR) * 256 + minor}`
  return tty === 0 ? '?' : major === TTY_MAJOR ? `tty${minor}` : `${major}:${minor}`
}

const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')

/** `[DD-]HH:MM:SS` */
const clock = (seconds: number): string => {
  const days = Math.floor(seconds / 86400)
  return `${days > 0 ? `${days}-` : ''}${two((seconds / 3600) % 24)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`
}

/** `[[DD-]HH:]MM:SS` */
const elapsedTime = (seconds: number): string => (seconds < 3600 ? `${two(seconds / 60)}:${two(seconds % 60)}` : clock(seconds))

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The time of day, of what is older the day, or the year. */
const startTime = (elapsed: number): string => {
  const now = new Date()
  const start = new Date(now.getTime() - elapsed * 1000)
  if (start.toDateString() === now.toDateString()) return `${two(start.getHours())}:${two(start.getMinutes())}`
  return start.getFullYear() === now.getFullYear() ? `${MONTHS[start.getMonth()]}${two(start.getDate())}` : String(start.getFullYear())
}

const cpuShare = ({ cpuTime, elapsed }: ProcessInfo): number => (elapsed === 0 ? 0 : (cpuTime / elapsed) * 100)

let memory: number | undefined
const memoryShare = ({ resident }: ProcessInfo): number => {
  memory ??= Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0)
  return memory === 0 ? 0 : (resident / memory) * 100
}

const executable = ({ pid }: ProcessInfo): string => {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return '-'
    throw error
  }
}

export interface Column {
  readonly title: string
  readonly show: (process: ProcessInfo) => string | number
}

const COLUMNS: Readonly<Record<string, Column>> = {
  args: { title: 'COMMAND', show: ({ args }) => args },
  c: { title: 'C', show: (process) => Math.floor(cpuShare(process)) },
  comm: { title: 'COMMAND', show: ({ comm }) => comm },
  etime: { title: 'ELAPSED', show: ({ elapsed }) => elapsedTime(elapsed) },
  etimes: { title: 'ELAPSED', show: ({ elapsed }) => Math.floor(elapsed) },
  exe: { title: 'EXE', show: executable },
  gid: { title: 'GID', show: ({ gid }) => gid },
  group: { title: 'GROUP', show: ({ gid }) => groupName(gid) },
  ni: { title: 'NI', show: ({ nice }) => nice },
  nlwp: { title: 'NLWP', show: ({ threads }) => threads },
  pcpu: { title: '%CPU', show: (process) => cpuShare(process).toFixed(1) },
  pgid: { title: 'PGID', show: ({ pgid }) => pgid },
  pid: { title: 'PID', show: ({ pid }) => pid },
  pmem: { title: '%MEM', show: (process) => memoryShare(process).toFixed(1) },
  ppid: { title: 'PPID', show: ({ ppid }) => ppid },
  pri: { title: 'PRI', show: ({ priority }) => 39 - priority },
  rss: { title: 'RSS', show: ({ resident }) => resident },
  s: { title: 'S', show: ({ state }) => state },
  sid: { title: 'SID', show: ({ sid }) => sid },
  stime: { title: 'STIME', show: ({ elapsed }) => startTime(elapsed) },
  time: { title: 'TIME', show: ({ cpuTime }) => clock(cpuTime) },
  tty: { title: 'TTY', show: ({ tty }) => ttyName(tty) },
  uid: { title: 'UID', show: ({ uid }) => uid },
  user: { title: 'USER', show: ({ uid }) => userName(uid) },
  vsz: { title: 'VSZ', show: ({ size }) => size },
}

/** Other names, with the titles that go with them. */
const ALIASES: Readonly<Record<string, readonly [name: string, title: string]>> = {
  '%cpu': ['pcpu', '%CPU'],
  '%mem': ['pmem', '%MEM'],
  cmd: ['args', 'CMD'],
  command: ['args', 'COMMAND'],
  cputime: ['time', 'TIME'],
  egid: ['gid', 'EGID'],
  euid: ['uid', 'EUID'],
  euser: ['user', 'EUSER'],
  nice: ['ni', 'NI'],
  pgrp: ['pgid', 'PGRP'],
  rssize: ['rss', 'RSS'],
  sess: ['sid', 'SESS'],
  start: ['stime', 'START'],
  start_time: ['stime', 'START'],
  stat: ['s', 'STAT'],
  state: ['s', 'S'],
  tname: ['tty', 'TTY'],
  tt: ['tty', 'TT'],
  vsize: ['vsz', 'VSZ'],
}

export const COLUMN_NAMES: readonly string[] = [...Object.keys(COLUMNS), ...Object.keys(ALIASES)].sort()

/** Undefined where ps(1) may have one of that name, and we do not. */
export const columnOf = (name: string): Column | undefined => {
  const [known, title] = ALIASES[name] ?? [name, undefined]
  if (!Object.hasOwn(COLUMNS, known)) return undefined
  const column = COLUMNS[known]!
  return title === undefined ? column : { ...column, title }
}
