/** Stands in for the linker of the engine's programs: one call of the executable fails. What is told of the program is unchanged. */
import { registerHooks } from 'node:module'
import type { Program } from '../../runtime/program/assembler.ts'
import { type Image, link as realLink } from '../../runtime/program/link.ts'
import { injectFailure } from './inject.ts'

/** Index of the op that is to fail, with EIO, which no op expects. */
let chosen: number | undefined
let linked: Program | undefined

export const failAt = (index: number | undefined): void => {
  chosen = index
}

/** The program that was linked last. */
export const lastProgram = (): Program => {
  if (linked === undefined) throw new Error('nothing was linked')
  return linked
}

export const link = (program: Program): Image => {
  linked = program
  if (chosen === undefined) return realLink(program)
  const op = program.ops[chosen]!
  injectFailure(program, chosen, 'EIO')
  const { elf } = realLink(program)
  program.ops[chosen] = op
  return { ...realLink(program), elf }
}

/** From here on runtime/container/launch.ts links with this file; to be called before it is loaded. */
export const replaceLinker = (): void => {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === '../program/link.ts' && context.parentURL?.endsWith('/runtime/container/launch.ts') === true
        ? { url: import.meta.url, shortCircuit: true }
        : next(specifier, context),
  })
}
