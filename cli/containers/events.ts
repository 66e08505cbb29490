/** What happens to containers, for `wherry events`: one line of JSON each in <root>/events/journal, which is only ever appended to. */
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import type { ContainerConfig } from './config.ts'
import type { Home } from './home.ts'
import { timeNow } from './times.ts'

/** docker's words. */
export type ContainerAction =
  | 'attach'
  | 'create'
  | 'destroy'
  | 'die'
  | 'health_status'
  | 'kill'
  | 'oom'
  | 'pause'
  | 'rename'
  | 'restart'
  | 'start'
  | 'stop'
  | 'unpause'
  | 'update'

const open = (root: string): number => {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW
  try {
    return openSync(`${root}/events/journal`, flags, 0o600)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    mkdirSync(`${root}/events`, { recursive: true, mode: 0o700 })
    return openSync(`${root}/events/journal`, flags, 0o600)
  }
}

export const emit = (
  home: Pick<Home, 'root'>,
  action: ContainerAction,
  { id, name, image, labels }: Pick<ContainerConfig, 'id' | 'name' | 'image' | 'labels'>,
  attributes: Readonly<Record<string, string>> = {},
): void => {
  const fd = open(home.root)
  try {
    const all = { ...labels, ...(image === undefined ? {} : { image: image.name }), name, ...attributes }
    // one write(2): lines of several processes do not mix
    writeSync(fd, `${JSON.stringify({ time: timeNow(), type: 'container', action, id, attributes: all })}\n`)
  } finally {
    closeSync(fd)
  }
}
