import { isatty } from 'node:tty'
import { shown } from '../../image/layer/bytes.ts'
import { copy } from '../containers/copy/copy.ts'
import { parseSide } from '../containers/copy/rules.ts'
import { complain } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

const STDOUT = 1

export const command = defineCommand({
  name: 'cp',
  aliases: ['container cp', 'container copy', 'copy'],
  heading: 'Containers',
  summary: 'copy files from and to containers',
  operands: 'CONTAINER:PATH|PATH|- CONTAINER:PATH|PATH|-',
  count: [2, 2],
  description: `Copies a file or folder between a container, running or not, and the machine, or another container. Paths in a container begin at its
root. - is a tar archive on stdin or stdout.

A folder is copied into a folder that is there, or becomes one that is not there; FOLDER/. means what is in it. What was in the way is replaced
when the new is whole; folders are merged, and a folder never replaces a file, nor a file a folder, without --overwrite. The folder that something
is copied into must be there. A PATH of the machine with a colon in it is written absolute, or with ./ in front.

What comes into a container belongs to its root, and what comes out of it to you, without set-id bits and extended attributes; with --archive both
are kept, and so are owners. From an archive on stdin owners are taken as they are. Symbolic links are copied as links and never lead out of the
container. Devices and sockets are not copied to the machine.`,
  flags: {
    archive: { type: 'boolean', short: 'a', help: 'keep owners, set-id bits and extended attributes' },
    'follow-link': { type: 'boolean', short: 'L', help: 'if the source is a symbolic link, copy what it leads to' },
    chown: {
      type: 'string',
      value: 'USER[:GROUP]',
      help: 'whom all of it is to belong to; names are the container’s',
      conflicts: ['archive'],
    },
    overwrite: { type: 'boolean', help: 'replace folders by what is none, and the other way round' },
    quiet: { type: 'boolean', short: 'q', help: 'do not tell of what is left out' },
  },
  async run({ flags, args: [source = '', target = ''], context }) {
    const [from, to] = [parseSide(source), parseSide(target)]
    if (from.kind !== 'container' && to.kind !== 'container')
      throw new UsageError(`${context.name} cp: one of the two must be in a container: CONTAINER:PATH (see ${context.name} cp --help)`)
    if (to.kind === 'stream' && isatty(STDOUT)) throw new UsageError('stdout is a terminal, which an archive is not for: redirect it')
    const home = await openHome(context)
    await copy(home, from, to, {
      archive: flags.archive ?? false,
      followLink: flags['follow-link'] ?? false,
      overwrite: flags.overwrite ?? false,
      ...(flags.chown === undefined ? {} : { owner: flags.chown }),
      cwd: process.cwd(),
      signal: context.signal,
      onSkip: flags.quiet ? () => {} : (path, why) => complain(`${context.name}: warning: ${shown(path)} ${why}: left out\n`),
    })
    return 0
  },
})
