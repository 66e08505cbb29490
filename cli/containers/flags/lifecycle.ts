/** How long a container lives, what is kept of it, and how one sees that it is well. */
import { signalNumber } from '../../../runtime/sys/abi/signal.ts'
import { LOG_DEFAULTS } from '../../../runtime/keeper/options.ts'
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import type { ContainerRequest, HealthRequest, LogRequest, RestartPolicy } from '../request.ts'
import { bad, conflict, halves, line, sizeText, within, withoutNul } from './bad.ts'

export const RESTART_FLAG = {
  restart: { type: 'string', value: 'POLICY', help: 'when to start it again: no (default), on-failure[:MOST], always or unless-stopped' },
} as const satisfies Flags

export const HEALTH_FLAGS = {
  'health-cmd': { type: 'string', value: 'COMMAND', help: 'command for a shell in the container: it is well if that succeeds' },
  'health-interval': { type: 'duration', value: 'TIME', help: 'time between two checks (default 30s)' },
  'health-timeout': { type: 'duration', value: 'TIME', help: 'how long one may take (default 30s)' },
  'health-retries': { type: 'integer', value: 'N', help: 'failures in a row that make it unhealthy (default 3)' },
  'health-start-period': { type: 'duration', value: 'TIME', help: 'time after the start in which failures do not count (default 0s)' },
  'health-start-interval': { type: 'duration', value: 'TIME', help: 'time between two checks in that time (default 5s)' },
  'no-healthcheck': { type: 'boolean', help: "no checks, the image's neither" },
} as const satisfies Flags

export const LIFECYCLE_FLAGS = {
  ...RESTART_FLAG,
  rm: { type: 'boolean', help: 'remove the container, and the volumes that it alone has, when it ends' },
  'stop-signal': { type: 'string', value: 'SIGNAL', help: "signal that asks it to end (default: the image's, or SIGTERM)" },
  'stop-timeout': {
    type: 'integer',
    value: 'SECONDS',
    help: 'how long it may take before it is killed (default 10); -1 for as long as it takes',
  },
  timeout: { type: 'integer', value: 'SECONDS', help: 'how long it may run before it is killed' },
  'log-driver': {
    type: 'string',
    value: 'DRIVER',
    choices: ['spool', 'json-file', 'local', 'k8s-file', 'journald', 'none'],
    help: 'where its output is kept: spool (default; json-file, local and k8s-file are other names) or none',
  },
  'log-opt': {
    type: 'list',
    value: 'NAME=VALUE',
    help: 'max-size=SIZE and max-file=N of the spool (default 10m and 3), tag=TEXT',
  },
  ...HEALTH_FLAGS,
} as const satisfies Flags

export type LifecycleFlags = Values<typeof LIFECYCLE_FLAGS>

const POLICIES = ['no', 'on-failure', 'always', 'unless-stopped'] as const

export const readRestart = (text: string | undefined): RestartPolicy => {
  const [given, most] = halves(text ?? 'no', ':')
  const name = POLICIES.find((policy) => policy === (given === '' ? 'no' : given))
  if (name === undefined) throw bad('restart', given, `is none of no, on-failure[:MOST], always, unless-stopped`)
  if (most === undefined) return { name }
  if (name !== 'on-failure') throw bad('restart', text!, 'has a number, which is for on-failure only')
  if (!/^\d{1,9}$/.test(most)) throw bad('restart', text!, 'has no number of starts behind the colon')
  return Number(most) === 0 ? { name } : { name, maximum: Number(most) }
}

/** Milliseconds; docker's least. */
const LEAST = 1

const time = (
  flags: LifecycleFlags,
  flag: 'health-interval' | 'health-timeout' | 'health-start-period' | 'health-start-interval',
): number | undefined => {
  const value = flags[flag]
  // 0 is "as the image has it" to docker
  if (value === undefined || value === 0) return flag === 'health-start-period' ? value : undefined
  if (value < LEAST) throw bad(flag, `${value}ms`, 'is less than 1ms')
  return value
}

export const readHealth = (flags: LifecycleFlags): HealthRequest => {
  const none = flags['no-healthcheck'] === true || flags['health-cmd'] === 'none'
  const others = (Object.keys(HEALTH_FLAGS) as (keyof typeof HEALTH_FLAGS)[]).filter(
    (name) => name !== 'no-healthcheck' && flags[name] !== undefined && flags[name] !== 'none',
  )
  if (none && others[0] !== undefined)
    throw conflict(flags['no-healthcheck'] === true ? 'no-healthcheck' : 'health-cmd none', others[0], 'there is nothing to check')
  const retries = within('health-retries', flags['health-retries'], 0, 1_000_000) || undefined
  const [interval, timeout] = [time(flags, 'health-interval'), time(flags, 'health-timeout')]
  const [startPeriod, startInterval] = [time(flags, 'health-start-period'), time(flags, 'health-start-interval')]
  if (flags['health-cmd'] === '') throw bad('health-cmd', '', 'is empty: give a command, or --no-healthcheck')
  return {
    disabled: none,
    ...(flags['health-cmd'] === undefined || none ? {} : { command: withoutNul('health-cmd', flags['health-cmd']) }),
    ...(interval === undefined ? {} : { interval }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(startPeriod === undefined ? {} : { startPeriod }),
    ...(startInterval === undefined ? {} : { startInterval }),
    ...(retries === undefined ? {} : { retries }),
  }
}

/** Bytes: the spool's records have to fit. */
const LEAST_LOG = 64 * 1024
const MOST_FILES = 1000

const logSize = (text: string): number => {
  const size = Number(sizeText('log-opt', text))
  if (size < LEAST_LOG || !Number.isSafeInteger(size)) throw bad('log-opt', `max-size=${text}`, 'is less than 64k')
  return size
}

const logFiles = (text: string): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > MOST_FILES)
    throw bad('log-opt', `max-file=${text}`, `is no number from 1 to ${MOST_FILES}`)
  return Number(text)
}

/** What each driver has; docker's others would change nothing here, and saying nothing would let people believe that they do. */
const LOG_OPTIONS: Readonly<Record<LogRequest['driver'], readonly string[]>> = {
  spool: ['max-size', 'max-file', 'tag'],
  none: [],
}

export const readLog = (flags: LifecycleFlags): LogRequest => {
  const given = flags['log-driver'] ?? 'spool'
  if (given === 'journald')
    throw bad(
      'log-driver',
      given,
      'is not to be had: nothing stays beside a container that could send its output on; keep it in the spool, and let `wherry logs --follow NAME | systemd-cat -t NAME` run as long as you want it in the journal',
    )
  const driver = given === 'none' ? given : 'spool'
  const options = new Map<string, string>()
  for (const text of flags['log-opt'] ?? []) {
    const [name, value] = halves(line('log-opt', text), '=')
    if (value === undefined || value === '') throw bad('log-opt', text, 'is not of the form NAME=VALUE')
    if (!LOG_OPTIONS[driver].includes(name))
      throw bad(
        'log-opt',
        text,
        LOG_OPTIONS[driver].length === 0
          ? `is for nothing: the driver ${driver} has no options`
          : `is unknown; the driver ${given} has ${LOG_OPTIONS[driver].join(', ')}`,
      )
    options.set(name, value)
  }
  const [size, files, tag] = [options.get('max-size'), options.get('max-file'), options.get('tag')]
  return {
    driver,
    maxSize: size === undefined ? LOG_DEFAULTS.limit : logSize(size),
    maxFiles: files === undefined ? LOG_DEFAULTS.slots : logFiles(files),
    ...(tag === undefined ? {} : { tag }),
  }
}

export const readStopSignal = (text: string | undefined): string | undefined => {
  if (text === undefined || text === '') return undefined
  if (signalNumber(text) === undefined) throw bad('stop-signal', text, 'is no signal: one like SIGTERM, TERM, 15 or SIGRTMIN+3 is wanted')
  return text
}

const STOP_TIMEOUT = 10
const MOST_SECONDS = 2 ** 31 - 1

type Life = Pick<ContainerRequest, 'restart' | 'autoRemove' | 'stopSignal' | 'stopTimeout' | 'timeout' | 'health' | 'log'>

export const readLifecycle = (flags: LifecycleFlags): Life => {
  const restart = readRestart(flags.restart)
  const autoRemove = flags.rm ?? false
  if (autoRemove && restart.name !== 'no')
    throw new UsageError(`--rm and --restart ${restart.name} exclude each other: what is removed cannot be started again`)
  const stopSignal = readStopSignal(flags['stop-signal'])
  const timeout = within('timeout', flags.timeout, 0, MOST_SECONDS, 'seconds')
  return {
    restart,
    autoRemove,
    ...(stopSignal === undefined ? {} : { stopSignal }),
    stopTimeout: within('stop-timeout', flags['stop-timeout'], -1, MOST_SECONDS, 'seconds') ?? STOP_TIMEOUT,
    ...(timeout ? { timeout: timeout } : {}),
    health: readHealth(flags),
    log: readLog(flags),
  }
}
