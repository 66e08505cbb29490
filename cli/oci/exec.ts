import { resolve } from 'node:path'
import { exec } from '../../runtime/container/exec.ts'
import { state } from '../../runtime/container/state.ts'
import { checkConsole } from './console-rules.ts'
import { defineCommand } from './context.ts'
import { socketConsole } from './create-flags.ts'
import { openEngine } from './engine.ts'
import { execProcess } from './exec-process.ts'
import { openSession } from './foreground/session.ts'
import { restoreOpenFiles } from './limits.ts'
import { checkPreservedFds } from './preserved-fds.ts'
import { parseSubCgroups } from './sub-cgroups.ts'

/** Of whatever fails before the process runs; the process may end with any other. */
const FAILURE = 255

export const command = defineCommand({
  name: 'exec',
  summary: 'run another process in a container',
  operands: 'ID COMMAND [ARGUMENTS], or --process FILE ID',
  count: [1, Number.POSITIVE_INFINITY],
  description: `The process is the one of config.json with COMMAND for its arguments and with what the flags change, or the one that FILE
describes. Flags stand before ID. The exit status is that of the process, 128 + the signal that ended it, or 255 if it could not be
started.`,
  flags: {
    'console-socket': { type: 'string', value: 'SOCKET', help: 'unix socket that gets the master of the terminal' },
    'pidfd-socket': { type: 'string', value: 'SOCKET', help: 'unix socket that gets a pidfd of the process' },
    cwd: { type: 'string', value: 'DIR', help: 'working directory in the container' },
    env: { type: 'list', short: 'e', value: 'NAME=VALUE', help: 'set a variable' },
    tty: { type: 'boolean', short: 't', help: 'give the process a terminal' },
    user: { type: 'string', short: 'u', value: 'UID[:GID]', help: 'ids of the process' },
    'additional-gids': { type: 'integers', short: 'g', value: 'GID', help: 'add a group' },
    process: { type: 'string', short: 'p', value: 'FILE', help: 'process as JSON, in place of COMMAND and of the flags that describe it' },
    detach: { type: 'boolean', short: 'd', help: 'do not wait for the process' },
    'pid-file': { type: 'string', value: 'FILE', help: 'file that gets the process id' },
    'process-label': { type: 'string', value: 'LABEL', help: 'SELinux label of the process' },
    apparmor: { type: 'string', value: 'PROFILE', help: 'AppArmor profile of the process' },
    'no-new-privs': { type: 'boolean', help: 'set no_new_privs' },
    cap: { type: 'list', short: 'c', value: 'CAPABILITY', help: 'add a capability' },
    'preserve-fds': { type: 'integer', value: 'N', help: 'pass on N descriptors above 2 (default: 0)' },
    cgroup: { type: 'list', value: '[CONTROLLER:]PATH', help: 'sub-cgroup of the container to run in, which must exist' },
    'ignore-paused': { type: 'boolean', help: 'a paused container is no error: the process runs once it is resumed' },
  },
  leading: true,
  failure: FAILURE,
  async run({ flags, args: [id, ...command], context }) {
    const preserved = flags['preserve-fds'] ?? 0
    checkPreservedFds(context.launch, 0, preserved)
    const cgroups = parseSubCgroups(flags.cgroup ?? [])
    const engine = openEngine(context)
    const { bundle } = await state(engine, id!)
    const described = execProcess(bundle, command, flags, context.log.warn)
    const detach = flags.detach ?? false
    const terminal = described.terminal ?? false
    checkConsole(terminal, detach, flags['console-socket'])
    const session = detach ? undefined : openSession({ terminal, subreaper: false, log: context.log })
    try {
      const console = session === undefined ? socketConsole(flags['console-socket']) : session.console
      restoreOpenFiles(context.launch.openFiles)
      const { pid } = await exec(engine, {
        id: id!,
        process: described,
        preserveFds: preserved,
        cgroups,
        ignorePaused: flags['ignore-paused'] ?? false,
        ...(console === undefined ? {} : { console }),
        ...(flags['pid-file'] ? { pidFile: resolve(flags['pid-file']) } : {}),
        ...(flags['pidfd-socket'] ? { pidfdSocket: resolve(flags['pidfd-socket']) } : {}),
      })
      if (session === undefined) return 0
      try {
        await session.attach()
      } catch (error) {
        process.kill(pid, 'SIGKILL') // nobody would see it
        throw error
      }
      return await session.wait(pid)
    } finally {
      session?.close()
    }
  },
})
