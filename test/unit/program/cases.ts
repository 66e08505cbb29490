/** Runs a test on both architectures. */
import test, { type TestContext } from 'node:test'
import type { Arch } from '../../../runtime/sys/abi/syscalls.ts'
import { canRun } from '../../support/program.ts'

export const onBoth = (name: string, body: (arch: Arch, t: TestContext) => void): void => {
  for (const arch of ['x64', 'arm64'] as const) test(`${arch}: ${name}`, { skip: canRun(arch) }, (t) => body(arch, t))
}
