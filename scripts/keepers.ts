/** Compiles the programs of keepers, which are the same for all containers: `node scripts/keepers.ts FOLDER`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keeperFile } from '../runtime/keeper/parameters.ts'
import { keeperProgram } from '../runtime/keeper/program.ts'
import { link } from '../runtime/program/link.ts'

const [, , folder] = process.argv
if (folder === undefined) throw new Error('usage: node scripts/keepers.ts FOLDER')
for (const arch of ['x64', 'arm64'] as const)
  for (const terminal of [false, true]) writeFileSync(join(folder, keeperFile(arch, terminal)), link(keeperProgram({ arch, terminal })).elf)
