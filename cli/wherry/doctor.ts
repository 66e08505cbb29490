import type { Check } from '../doctor/check.ts'
import { examine } from '../doctor/doctor.ts'
import { thisMachine } from '../doctor/machine.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'

const WIDTH = 18
const MARKS = { ok: 'ok', limited: 'limited', missing: 'MISSING' } as const
const MARK_WIDTH = 9

const textOf = ({ name, status, found, costs, mend }: Check): string => {
  const indent = ' '.repeat(WIDTH + MARK_WIDTH)
  const more = [costs, mend === undefined ? undefined : `mend: ${mend}`].filter((line) => line !== undefined)
  return [`${name.padEnd(WIDTH)}${MARKS[status].padEnd(MARK_WIDTH)}${found}`, ...more.map((line) => `${indent}${line}`)].join('\n')
}

const summary = (checks: readonly Check[]): string => {
  const count = (status: Check['status']): number => checks.filter((check) => check.status === status).length
  const [lacks, limits] = [count('missing'), count('limited')]
  if (lacks > 0) return `${lacks} of ${checks.length} ${lacks === 1 ? 'is' : 'are'} missing: containers do not run, or not as they should`
  return limits === 0
    ? 'all is well'
    : `containers run; ${limits} of ${checks.length} ${limits === 1 ? 'has its limits' : 'have their limits'}`
}

export const command = defineCommand({
  name: 'doctor',
  aliases: ['system doctor'],
  heading: 'System',
  summary: 'find out what this machine lacks for containers',
  operands: '',
  count: [0, 0],
  description: `Looks at the kernel, cgroups, user namespaces, the network and the disk, as far as they matter to who asks: root of the machine, or a user.
What is missing is told with what does not work because of it, and the command that mends it. The exit status is 1 if something is missing.
Nothing is changed.`,
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json: a list of objects with name, status, found, costs and mend' },
  },
  async run({ flags, context }) {
    if (flags.format !== undefined && flags.format !== 'json')
      throw new UsageError(`--format ${JSON.stringify(flags.format)}: only json is known here`)
    const checks = examine(thisMachine(context))
    if (flags.format === 'json') print(`${JSON.stringify(checks)}\n`)
    else print(`${checks.map(textOf).join('\n')}\n\n${summary(checks)}\n`)
    return checks.some(({ status }) => status === 'missing') ? 1 : 0
  },
})
