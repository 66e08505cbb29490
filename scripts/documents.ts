/** What of docs/ is made from the definitions of the doors. */
import * as oci from '../cli/oci/about.ts'
import * as ociCommands from '../cli/oci/commands.ts'
import * as ociVerbs from '../cli/oci/verbs.ts'
import { bashCompletion } from '../cli/support/completion.ts'
import { SHELLS } from '../cli/support/completion-shells.ts'
import { manual } from '../cli/support/manual.ts'
import * as wherry from '../cli/wherry/about.ts'
import * as wherryCommands from '../cli/wherry/commands.ts'
import { settingsPage } from '../cli/wherry/settings-page.ts'
import * as wherryVerbs from '../cli/wherry/verbs.ts'

/** As the folders of completions name their files. */
const COMPLETIONS: Readonly<Record<string, string>> = { bash: 'wherry', zsh: '_wherry', fish: 'wherry.fish' }

/** Texts by their path below docs/. */
export const documents = async (): Promise<ReadonlyMap<string, string>> => {
  const runtime = await ociCommands.allCommands(ociVerbs.VERBS)
  const pages = [...manual(oci.DOOR, runtime), ...manual(wherry.DOOR, await wherryCommands.allCommands(wherryVerbs.VERBS))]
  return new Map([
    ...pages.map(([name, page]) => [`man/${name}`, page] as const),
    ['completions/wherry-oci', bashCompletion(oci.DOOR, runtime)],
    ...[...SHELLS].map(([shell, script]) => [`completions/${COMPLETIONS[shell]}`, script('wherry')] as const),
    ['settings.md', settingsPage()],
  ])
}
