/** wherry from its sources; dist/ is made by scripts/build.mjs from the same modules. */
import { program } from './program.ts'
import { VERBS } from './verbs.ts'

await program(VERBS)
