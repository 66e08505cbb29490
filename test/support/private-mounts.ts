/** A script of the host in a mount namespace of its own: what it mounts, no other process sees, and it goes with the script. */
import { type Bundle, succeeded } from './bundle.ts'
import { command, RUNTIME } from './runtime.ts'

/** What the script has: `rt VERB…` is the runtime, with its state in the bundle; $ID, $BUNDLE and $ROOTFS. */
const PRELUDE = 'set -e; rt() { "$RUNTIME" --root "$STATE" "$@"; }; '

/** What `script` (bash) prints. Mounts are private unless the script makes them shared. */
export const inPrivateMounts = async (box: Bundle, script: string): Promise<string> => {
  box.write()
  const result = await command(['unshare', '--mount', '--propagation', 'private', 'bash', '-c', PRELUDE + script], box.folder, {
    env: { RUNTIME, STATE: box.root, ID: box.id, BUNDLE: box.folder, ROOTFS: box.rootfs, WHERRY_TEST: box.id },
  })
  return succeeded(result, 'script').stdout.trimEnd()
}

/** A line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface MountLine {
  readonly id: number
  readonly parent: number
  readonly root: string
  readonly point: string
  readonly options: readonly string[]
  /** `shared:1`, `master:2`, `unbindable`. */
  readonly propagation: readonly string[]
  readonly type: string
  readonly source: string
  readonly superOptions: readonly string[]
}

const parseLine = (line: string): MountLine => {
  const [before = '', after = ''] = line.split(' - ')
  const [id, parent, , root = '', point = '', options = '', ...propagation] = before.split(' ')
  const [type = '', source = '', superOptions = ''] = after.split(' ')
  return {
    id: Number(id),
    parent: Number(parent),
    root,
    point,
    options: options.split(','),
    propagation,
    type,
    source,
    superOptions: superOptions.split(','),
  }
}

/** Mounts by mount point, of several on one place the topmost; what of `text` is no mountinfo is left out. */
export const parseMountinfo = (text: string): ReadonlyMap<string, MountLine> =>
  new Map(
    text
      .split('\n')
      .filter((line) => / - /.test(line))
      .map((line) => {
        const parsed = parseLine(line)
        return [parsed.point, parsed]
      }),
  )
