/** A machine’s settings for tests: an /etc, a home and a /run of their own, and credential helpers on a PATH of their own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Surroundings } from '../../image/settings/surroundings.ts'
import { MARK } from './runtime.ts'

export interface Place {
  readonly folder: string
  readonly around: Surroundings
  /** The same with variables. */
  with(env: Readonly<Record<string, string>>): Surroundings
  /** Writes a file, `etc/containers/registries.conf`, and gives back its path. */
  write(path: string, content: string | object, mode?: number): string
  /** A helper of this name: a script for sh(1). */
  helper(name: string, script: string): void
}

export const place = (t: TestContext): Place => {
  const folder = mkdtempSync(join(tmpdir(), `${MARK}-settings-`))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const write = (path: string, content: string | object, mode = 0o600): string => {
    const full = join(folder, path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content), { mode })
    return full
  }
  const around: Surroundings = {
    env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` },
    uid: 7,
    home: join(folder, 'home'),
    etc: join(folder, 'etc'),
    run: join(folder, 'run'),
  }
  return {
    folder,
    around,
    with: (env) => ({ ...around, env: { ...around.env, ...env } }),
    write,
    helper: (name, script) => {
      write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`, 0o700)
    },
  }
}
