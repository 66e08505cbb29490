/** What stdout is: a terminal of some size and abilities, or not. */
import { standardOutput } from './leave.ts'
import { speaksUnicode, wantsColour } from './progress/progress.ts'

export interface Screen {
  readonly terminal: boolean
  readonly columns: number
  readonly colour: boolean
  readonly unicode: boolean
}

/** Where nobody says how wide it is. */
const WIDE = 120

/** stdout; what is written into a file is in UTF-8, in one width and without colour. */
export const outputScreen = (env: NodeJS.ProcessEnv): Screen => {
  const stdout = standardOutput()
  const terminal = stdout.isTTY === true && env['TERM'] !== 'dumb'
  return {
    terminal,
    columns: (terminal ? stdout.columns : 0) || WIDE,
    colour: terminal && wantsColour(env),
    unicode: !terminal || speaksUnicode(env),
  }
}
