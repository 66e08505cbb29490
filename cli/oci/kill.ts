import { kill } from '../../runtime/container/kill.ts'
import { WherryError } from '../../runtime/errors.ts'
import { signalNumber } from '../../runtime/sys/abi/signal.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

/** `TERM`, `SIGTERM`, `sigrtmin+3`, `15`; 0 only asks whether the container runs, as in kill(2). */
export const parseSignal = (text: string): number => {
  const signal = text === '0' ? 0 : signalNumber(text)
  if (signal === undefined)
    throw new WherryError(
      'invalid-argument',
      `unknown signal ${JSON.stringify(text)}: give a name like TERM or SIGTERM, or a number from 0 to 64`,
    )
  return signal
}

export const command = defineCommand({
  name: 'kill',
  summary: 'send a signal to the init process of a container',
  operands: 'ID [SIGNAL]',
  count: [1, 2],
  description: `SIGNAL is a name, with or without SIG, or a number; SIGTERM if not given. A container that shares its pid namespace and is sent
KILL loses all its processes.`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'a container that has stopped is no error', hidden: true },
  },
  async run({ flags, args, context }) {
    const signal = parseSignal(args[1] || 'TERM')
    await kill(openEngine(context), args[0]!, signal, { all: flags.all ?? false })
    return 0
  },
})
