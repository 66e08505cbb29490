/** A folder that stands for a root filesystem, and a descriptor of it. */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { MARK } from './runtime.ts'

export interface Tree {
  readonly fd: number
  readonly folder: string
  /** The path of a file of it on the host. */
  in(path: string): string
  /** Writes a file, making its folders. */
  write(path: string, content: string): void
}

export const tree = (t: TestContext, files: Readonly<Record<string, string>> = {}): Tree => {
  const folder = mkdtempSync(join(tmpdir(), `${MARK}-tree-`))
  const fd = openSync(folder, 'r')
  t.after(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true, force: true })
  })
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  for (const [path, content] of Object.entries(files)) write(path, content)
  return { fd, folder, in: (path) => join(folder, path), write }
}
