/** docs/docker-compatibility.md: each verb and flag of docker and podman, and what Wherry does with it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command, Flag } from '../../cli/support/flags.ts'
import { allCommands } from '../../cli/wherry/commands.ts'
import type { Context } from '../../cli/wherry/context.ts'
import { VERBS } from '../../cli/wherry/verbs.ts'
import { COMMANDS, FLAGS, type Note } from './notes.ts'
import { COMPARED, flagsOf, type Peer } from './peer.ts'

export const DOCUMENT = 'docker-compatibility.md'

export const readPeerFile = (name: 'docker' | 'podman'): Peer =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`./${name}.json`, import.meta.url)), 'utf8')) as Peer

const noteFor = (verb: string, flag: string): Note | undefined =>
  FLAGS[verb]?.[flag] ?? (verb === 'create' ? FLAGS['run']?.[flag] : undefined) ?? FLAGS['*']?.[flag]

interface Compared {
  readonly verb: string
  readonly peers: readonly (readonly [name: string, flags: ReadonlyMap<string, string>])[]
  readonly own: ReadonlyMap<string, Flag>
}

/** What a flag of ours is beside those of the peers. */
const present = ({ verb, peers }: Compared, name: string, flag: Flag): string => {
  const said = noteFor(verb, name)
  if (said !== undefined && 'absent' in said && FLAGS['*']?.[name] !== said)
    throw new Error(`notes.ts says that ${verb} --${name} is absent, and it is not`)
  const note = said === undefined || 'absent' in said ? undefined : said
  const theirs = peers.filter(([, flags]) => flags.has(name))
  const letters = theirs.flatMap(([peer, flags]) => {
    const letter = flags.get(name)!
    return letter === '' || letter === flag.short ? [] : [`no \`-${letter}\` for it (${peer})`]
  })
  const differs = [...(note === undefined ? [] : [note.different]), ...letters]
  if (theirs.length === 0) return `own: ${note?.different ?? flag.help}`
  return differs.length === 0 ? 'same' : `different: ${differs.join('; ')}`
}

const missing: string[] = []

const absent = (verb: string, name: string): string => {
  const note = noteFor(verb, name)
  if (note === undefined || 'different' in note) {
    missing.push(`${verb} --${name}`)
    return 'absent'
  }
  return `absent: ${note.absent}`
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** Of create only what run has not, or has otherwise, is told. */
const rowsOfRun = new Set<string>()

const section = (compared: Compared): string => {
  const { verb, peers, own } = compared
  const names = [...new Set([...peers.flatMap(([, flags]) => [...flags.keys()]), ...own.keys()])].sort()
  if (names.length === 0) return `## ${verb}\n\nNo flags, in none of them.\n`
  const rows = names.map((name) => {
    const flag = own.get(name)
    const cells = peers.map(([, flags]) => (flags.has(name) ? 'yes' : ''))
    const letter = flag?.short ?? peers.map(([, flags]) => flags.get(name)).find((one) => one !== undefined && one !== '')
    const spelled = `\`${letter === undefined ? '' : `-${letter}, `}--${name}\``
    return `| ${[spelled, ...cells, escaped(flag === undefined ? absent(verb, name) : present(compared, name, flag))].join(' | ')} |`
  })
  if (verb === 'run') for (const row of rows) rowsOfRun.add(row)
  const told = verb === 'create' ? rows.filter((row) => !rowsOfRun.has(row)) : rows
  return `## ${verb}\n\n${verb === 'create' ? 'As run, but for these.\n\n' : ''}| flag | docker | podman | wherry |\n|---|---|---|---|\n${told.join('\n')}\n`
}

const commandRows = (docker: Peer, podman: Peer, spellings: ReadonlySet<string>): string => {
  const [one, other] = [docker, podman].map(({ commands }) => new Set(commands.split(' ')))
  const groups = new Set([...spellings].map((spelling) => spelling.split(' ')[0]!))
  return [...new Set([...one!, ...other!])]
    .sort()
    .map((name) => {
      const there = groups.has(name)
      const reason = COMMANDS[name]
      if (!there && reason === undefined) missing.push(name)
      return `| \`${name}\` | ${one!.has(name) ? 'yes' : ''} | ${other!.has(name) ? 'yes' : ''} | ${there ? 'yes' : `absent: ${reason ?? ''}`} |`
    })
    .join('\n')
}

const visible = (command: Command<Context>): ReadonlyMap<string, Flag> =>
  new Map(Object.entries<Flag>(command.flags).filter(([, flag]) => flag.hidden !== true))

/** Throws where something is absent and nobody has said why. */
export const compatibilityTable = async (): Promise<string> => {
  missing.length = 0
  rowsOfRun.clear()
  const [docker, podman] = [readPeerFile('docker'), readPeerFile('podman')]
  const commands = await allCommands(VERBS)
  const find = (verb: string): Command<Context> | undefined =>
    commands.find(({ name, aliases = [] }) => name === verb || aliases.includes(verb))
  const sections = COMPARED.flatMap((verb) => {
    const command = find(verb)
    if (command === undefined) return []
    const peers = [
      ['docker', flagsOf(docker, verb)],
      ['podman', flagsOf(podman, verb)],
    ] as const
    return [section({ verb, peers, own: visible(command) })]
  })
  const text = `# Wherry beside docker and podman

Made by \`node scripts/compatibility.ts\` from Wherry's own definitions and from the help texts of docker ${docker.version} and podman ${podman.version}. *Same* is said of a flag
that is spelled the same and does the same, as far as it can be seen in the container and on the machine; *different* tells how; *absent* tells why. *own* is what neither of them has.

What holds everywhere:

- There is no daemon and no API: \`docker-compose\`, the docker API and remote connections do not work with it.
- Volumes, networks and containers are Wherry's own: it does not see those of docker and podman. Its images are an OCI image layout, which skopeo, umoci and crane read.
- A limit of memory is one: without \`--memory-swap\` there is no swap beside it. docker and podman give as much swap again.
- Containers may have 2048 processes (\`--pids-limit\`), as in podman; docker sets no limit.
- Logs are bounded: 10 MiB × 3 (\`--log-opt\`).
- \`-v\` and \`--mount\` with \`readonly\` are read-only with all that is mounted below.
- In a container of its own user namespace volumes are shown with the ids of the container (idmapped mounts); nothing is chowned.

# Commands

| command | docker | podman | wherry |
|---|---|---|---|
${commandRows(docker, podman, new Set(VERBS.keys()))}

# Flags

${sections.join('\n')}`
  if (missing.length > 0) throw new Error(`scripts/compatibility/notes.ts does not say why these are absent: ${missing.join(', ')}`)
  return text
}
