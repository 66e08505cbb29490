/** The logs' part of a server, in a process that can be killed: writes the log of a bench, reopens it when told to. */
import { openBenchLogs, containerAt, ID, quiet } from './logs.ts'

const { root, run, spool, logs } = JSON.parse(process.argv[2]!) as Record<'root' | 'run' | 'spool' | 'logs', string>
const log = quiet()
const writer = openBenchLogs({ root, folders: { run, spool } }, log)
process.on('message', () => {
  writer.reopen(ID).then(
    () => process.send!('reopened'),
    (error: unknown) => process.send!(String(error)),
  )
})
process.once('disconnect', () => process.exit(0))
writer.follow(containerAt(logs))
process.send!('ready')
