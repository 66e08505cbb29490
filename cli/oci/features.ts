import { readFileSync } from 'node:fs'
import { features } from '../../runtime/spec/features.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { describe } from '../support/describe.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import type { Log } from './log.ts'
import { type SeccompSupport, seccompSupport } from './seccomp-support.ts'
import { RUNC_VERSION, VERSION } from './version.ts'

const LAST_CAPABILITY = '/proc/sys/kernel/cap_last_cap'

const lastCapability = (): number | undefined => {
  try {
    return Number(readFileSync(LAST_CAPABILITY, 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Undefined without libseccomp: then seccomp is a feature that is off. */
const support = (log: Log): SeccompSupport | undefined => {
  try {
    return seccompSupport()
  } catch (error) {
    log.debug(describe(error))
    return undefined
  }
}

export const command = defineCommand({
  name: 'features',
  summary: 'print what this runtime supports',
  operands: '',
  count: [0, 0],
  description: 'Prints a JSON object as runtime-spec 1.2, features.md, defines it.',
  flags: {},
  async run({ context }) {
    const seccomp = support(context.log)
    const annotations = {
      ...(seccomp === undefined ? {} : { 'io.github.seccomp.libseccomp.version': seccomp.version }),
      'org.opencontainers.runc.checkpoint.enabled': 'false',
      'org.opencontainers.runc.version': RUNC_VERSION,
      'wherry.version': VERSION,
    }
    print(`${JSON.stringify(features({ lastCapability: lastCapability(), seccomp, annotations }), undefined, 4)}\n`)
    return 0
  },
})
