/** What tests of the entrance for users without privileges run: `rootless-child.ts [--join=PID] SCRIPT ARG…` goes through it and runs a shell script there. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { enteredAs, enterUserNamespace } from '../../runtime/rootless/enter.ts'

const [option = '', script = 'true', ...rest] = process.argv.slice(2)
const join = /^--join=(\d+)$/.exec(option)?.[1]
const user = enteredAs()
if (user === undefined) {
  const { execPath, argv, env } = process
  try {
    await enterUserNamespace({
      argv: [execPath, ...argv.slice(1)],
      env: { ...env, GIVEN: 'kept' },
      warn: (message) => process.stderr.write(`warning: ${message}\n`),
      folder: process.env['TMPDIR'] ?? '/tmp',
      ...(join === undefined ? {} : { join: Number(join) }),
    })
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
const { status, stdout } = spawnSync('sh', ['-c', script, 'sh', ...rest], { encoding: 'utf8', stdio: ['inherit', 'pipe', 'inherit'] })
process.stdout.write(stdout)
process.stdout.write(`user ${user!.uid}:${user!.gid}\nmap ${readFileSync('/proc/self/uid_map', 'utf8').trim().replaceAll(/\s+/g, ' ')}\n`)
process.stdout.write(`arguments ${rest.join(' ')}\ngiven ${process.env['GIVEN']}\n`)
process.exitCode = status ?? 99
