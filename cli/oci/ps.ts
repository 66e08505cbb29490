import { ps } from '../../runtime/container/update.ts'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

/** The header of a listing of ps(1) and the lines of the given processes. */
export const selectProcesses = (listing: string, pids: readonly number[]): string => {
  const [header = '', ...lines] = listing.split('\n')
  const column = header.trim().split(/\s+/).indexOf('PID')
  if (column === -1) throw new WherryError('invalid-argument', 'the output of ps has no column PID: choose options of ps that show it')
  const wanted = new Set(pids.map(String))
  const chosen = lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column] ?? ''))
  return [header, ...chosen].map((line) => `${line}\n`).join('')
}

/** A listing of all processes of a large machine. */
const LISTING_MAX = 64 * 1024 * 1024

const listProcesses = async (args: readonly string[]): Promise<string> => {
  const { spawnSync } = await import('node:child_process')
  const { error, status, stdout, stderr } = spawnSync('ps', args, { encoding: 'utf8', maxBuffer: LISTING_MAX })
  if (error !== undefined)
    throw new WherryError(
      'failed-precondition',
      isErrno(error, 'ENOENT') ? 'ps is not installed: use --format json, or install procps' : `ps ${args.join(' ')}`,
      { cause: error },
    )
  if (status !== 0) throw new WherryError('invalid-argument', `ps ${args.join(' ')}: exit status ${status}: ${(stderr + stdout).trim()}`)
  return stdout
}

export const command = defineCommand({
  name: 'ps',
  summary: 'list the processes of a container',
  operands: 'ID [PS OPTIONS]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Shows those lines of the host's ps(1) that are about processes of the container. PS OPTIONS are given to ps (default: -ef) and must
show the column PID.`,
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', choices: ['table', 'json'], help: 'table (default), or json: the pids' },
  },
  leading: true,
  async run({ flags, args: [id, ...options], context }) {
    const format = flags.format ?? 'table'
    if (format !== 'table' && format !== 'json') throw new UsageError(`invalid format option ${JSON.stringify(format)}: table or json`)
    const pids = await ps(openEngine(context), id!)
    if (format === 'json') print(`${JSON.stringify(pids)}\n`)
    else print(selectProcesses(await listProcesses(options.length === 0 ? ['-ef'] : options), pids))
    return 0
  },
})
