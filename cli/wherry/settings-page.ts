/** docs/settings.md, made from the table of settings. */
import type { Setting } from './setting.ts'
import { SETTINGS } from './settings.ts'

const row = ([name, { flagless, command, value, type, env, key, default: usual, help, choices }]: readonly [string, Setting]): string => {
  const own = command === undefined ? `--${name}` : `wherry ${command} --${name.slice(name.indexOf('.') + 1)}`
  const flag = flagless ? '' : `\`${own}${type === 'boolean' ? '' : ` ${value ?? 'VALUE'}`}\``
  const what = choices === undefined ? help : `${help}: ${choices.join(', ')}`
  return `| ${flag} | \`${env}\` | ${key === undefined ? '' : `\`${key}\``} | ${usual} | ${what} |\n`
}

export const settingsPage = (): string => `# Settings

Made from the definitions (cli/wherry/settings.ts) by \`npm run manual\`.

A flag stands before the command (\`wherry --root DIR images\`), or, where the table names one, behind it. What is set by a flag goes before what is set by a variable, that before
the user's file \`$XDG_CONFIG_HOME/wherry/wherry.toml\` (\`~/.config/wherry/wherry.toml\`), and that before \`/etc/wherry/wherry.toml\`. An empty variable is
none. In the files, which are TOML, \`a.b\` is key \`b\` in table \`[a]\`, paths are absolute, and keys that are not in this table are errors.

| flag | variable | key | default | what |
|---|---|---|---|---|
${Object.entries<Setting>(SETTINGS).map(row).join('')}
## Variables alone

| variable | default | what |
|---|---|---|
| \`WHERRY_CNI_CONFIG\` | /etc/cni/net.d | folder whose network configurations are networks for containers (docs/networks.md); pods have \`cri.cni_config\` |
| \`WHERRY_CNI_PLUGINS\` | /opt/cni/bin:/usr/lib/cni | folders of plugins, looked through in their order |
| \`NO_COLOR\`, \`TERM\` | | whether lists and progress are coloured, and drawn anew in place |

Those of registries.conf(5), containers-auth.json(5) and the XDG base directories are read as docs/images.md says.
`
