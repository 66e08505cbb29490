/** Which exec'd processes somebody waits for: if the server is killed nobody does, and the next one ends them. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { identify } from '../../../runtime/container/process-id.ts'
import type { ProcessId } from '../../../runtime/container/types.ts'
import { isErrno } from '../../../runtime/sys/error.ts'

/** To be called before the program is executed. */
export const writeExec = (folder: string, pid: number): ProcessId => {
  const process = identify(pid)
  const text = String(process.startTime)
  try {
    writeFileSync(`${folder}/${pid}`, text, { mode: 0o600 })
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(`${folder}/${pid}`, text, { mode: 0o600 })
  }
  return process
}

/** When it has ended, or is not executed after all. */
export const removeExec = (folder: string, { pid }: ProcessId): void => rmSync(`${folder}/${pid}`, { force: true })

export const readExecs = (folder: string): readonly ProcessId[] => {
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  return names.map((name) => ({ pid: Number(name), startTime: Number(readFileSync(`${folder}/${name}`, 'latin1')) }))
}
