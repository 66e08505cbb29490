/**
 * The steps of a command: its system calls that change something or wait for somebody, in their order, and the command killed
 * before any of them. strace(1) counts and kills; the command knows nothing of it.
 */
import { readFileSync, rmSync } from 'node:fs'
import type { Bundle } from './bundle.ts'
import { command, type Result, RUNTIME } from './runtime.ts'

export interface Step {
  readonly call: string
  /** Which call of that name it is in the whole life of the command, from 1. */
  readonly nth: number
  /** As strace prints it. */
  readonly line: string
}

/** Those that make, change or remove something, talk with another process, or start one. */
const CHANGES =
  'mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate,ftruncate,chmod,fchmod,fchmodat,' +
  'chown,fchown,fchownat,lchown,write,pwrite64,writev,copy_file_range,sendfile,sendto,sendmsg,bind,listen,connect,socketpair,accept4,' +
  'flock,memfd_create,mount,umount2,move_mount,fork,vfork,clone,clone3,execve,kill,pidfd_open,pidfd_send_signal,wait4,ppoll,setns,unshare'
/** Only some of these change something: what they are asked to make is among their arguments. */
const CREATES = ['open', 'openat', 'openat2']
const WAITS = ['ppoll', 'wait4']
/** In the tables of some architectures only. */
const known = (calls: readonly string[]): string => calls.map((call) => `?${call}`).join(',')

const words = (box: Bundle, args: readonly string[]): string[] => [RUNTIME, ...box.globals, '--root', box.root, ...args]

/** Runs a verb to its end and returns its steps, from the first on that is the engine's. */
export const stepsOf = async (box: Bundle, args: readonly string[]): Promise<Step[]> => {
  const trace = `${box.folder}/trace`
  const set = known([...CHANGES.split(','), ...CREATES])
  const options = ['-qq', '-o', trace, '-e', `trace=${set}`, '-e', 'signal=none', '-s', '256']
  const { status, stderr } = await command(['strace', ...options, ...words(box, args)], box.folder)
  if (status !== 0) throw new Error(`${args[0]}: ${stderr}`)
  const counts = new Map<string, number>()
  const all = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((line): Step[] => {
      const call = /^(\w+)\(/.exec(line)?.[1]
      if (call === undefined) return []
      const nth = (counts.get(call) ?? 0) + 1
      counts.set(call, nth)
      return CREATES.includes(call) && !line.includes('O_CREAT') ? [] : [{ call, nth, line }]
    })
  rmSync(trace)
  // what comes before is the start of Node
  const first = all.findIndex(({ call, line }) => call === 'socketpair' || (call !== 'execve' && line.includes(box.folder)))
  if (first < 0) throw new Error(`${args[0]}: it does nothing`)
  // how often it looks is not the same from run to run
  return all.slice(first).filter(({ call }, index, steps) => !WAITS.includes(call) || steps[index - 1]?.call !== call)
}

/** Runs a verb that gets a SIGKILL in the place of `step`. */
export const killedAt = (box: Bundle, args: readonly string[], { call, nth }: Step): Promise<Result> =>
  command(
    ['strace', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`, ...words(box, args)],
    box.folder,
  )
