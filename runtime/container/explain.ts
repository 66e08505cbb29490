/** explain: the program of a container, printed and as an executable, without being run. Makes nothing that stays. */
import { mkdtempSync, rmSync } from 'node:fs'
import { compileContainer } from '../init/container.ts'
import { link } from '../program/link.ts'
import { print } from '../program/print.ts'
import { planOf } from './create.ts'
import type { Starter } from './launch.ts'
import type { CreateOptions, Engine } from './types.ts'

/** @param streams of a container that has a keeper: as a Starter has them */
export const explain = async (
  engine: Engine,
  options: CreateOptions,
  streams?: Pick<Starter, 'streams' | 'terminal'>,
): Promise<{ text: string; elf: Uint8Array }> => {
  const folder = mkdtempSync('/tmp/wherry-explain-')
  try {
    const program = compileContainer(await planOf({ ...engine, root: folder }, options, streams))
    return { text: print(program), elf: link(program).elf }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
