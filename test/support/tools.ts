/** Other people’s tools for images, with storage of their own. */
import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { removeTree } from '../../image/store/remove-tree.ts'
import { MARK } from './runtime.ts'

const run = promisify(execFile)

export interface Tools {
  /** A folder that is gone when the test ends. */
  readonly folder: string
  /** A path in it. */
  path(name: string): string
  skopeo(...args: readonly string[]): Promise<string>
  podman(...args: readonly string[]): Promise<string>
  buildah(...args: readonly string[]): Promise<string>
  umoci(...args: readonly string[]): Promise<string>
}

export const tools = (t: TestContext): Tools => {
  const folder = mkdtempSync(join(tmpdir(), `${MARK}-tools-`))
  const path = (name: string): string => join(folder, name)
  const policy = path('policy.json')
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const env = { ...process.env, TMPDIR: folder, WHERRY_TEST: MARK, XDG_RUNTIME_DIR: folder, REGISTRY_AUTH_FILE: path('auth.json') }
  const call = async (program: string, args: readonly string[]): Promise<string> => {
    const { stdout } = await run(program, args, { env, maxBuffer: 64 * 1024 * 1024, timeout: 120_000 })
    return stdout
  }
  const storage = ['--root', path('storage'), '--runroot', path('run'), '--storage-driver', 'vfs']
  writeFileSync(path('auth.json'), '{}')
  t.after(() => removeTree(folder))
  return {
    folder,
    path,
    skopeo: (...args) => call('skopeo', ['--policy', policy, '--tmpdir', folder, ...args]),
    podman: (...args) => call('podman', [...storage, '--cgroup-manager', 'cgroupfs', '--events-backend', 'none', ...args]),
    buildah: (...args) => call('buildah', [...storage, ...args]),
    umoci: (...args) => call('umoci', args),
  }
}
