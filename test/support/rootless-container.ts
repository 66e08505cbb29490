/** `rootless-container.ts enter|here FOLDER ID`: runs the bundle in FOLDER on the layers that rootfs.json there describes; prints what it prints. */
import { readFileSync } from 'node:fs'
import { enteredAs, enterUserNamespace } from '../../runtime/rootless/enter.ts'
import type { RootfsDescription } from '../../runtime/rootfs/types.ts'

const [how, folder = '', id = ''] = process.argv.slice(2)
try {
  const { execPath, argv, env } = process
  if (how === 'enter' && enteredAs() === undefined)
    await enterUserNamespace({ argv: [execPath, ...argv.slice(1)], env, warn: () => {}, folder })
  const { createIn, finishIn } = await import('./layered-run.ts')
  const description = JSON.parse(readFileSync(`${folder}/rootfs.json`, 'utf8')) as RootfsDescription
  const place = { id, folder, engine: { root: `${folder}/state`, systemdCgroup: false, warn: () => {} } }
  process.stdout.write(`${await finishIn(place, await createIn(place, description))}\n`)
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
