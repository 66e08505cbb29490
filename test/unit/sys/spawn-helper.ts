/**
 * A process of its own for spawn.test.ts: starts a program that writes to a file placed as descriptor 1, and reports what it
 * saw. Arguments: the report to write, a folder, `close` to close the standard streams first.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'
import { executableFile, posixSpawn } from '../../../runtime/sys/spawn.ts'
import { ARCH } from '../../../runtime/sys/syscall.ts'
import { waitFor } from '../../support/program.ts'

const [report, folder, mode] = process.argv.slice(2) as [string, string, string | undefined]
if (mode === 'close') for (const fd of [0, 1, 2]) closeSync(fd)

const p = new Program(ARCH)
const byte = p.buffer(8)
p.call('write', [1, '<1>', 3])
p.call('read', [0, byte, 1], { positive: 'fail' })
p.exit(0)
const { elf } = link(p)
const open = () => readdirSync('/proc/self/fd').sort()

const before = open()
const executable = executableFile(elf, folder)
const exe = readlinkSync(`/proc/self/fd/${executable}`)
const output = openSync(join(folder, 'output'), 'w+')
const nothing = openSync('/dev/null', 'r')
const pid = posixSpawn(
  executable,
  ['program'],
  [
    { from: nothing, to: 0 },
    { from: output, to: 1 },
  ],
)
const { status } = waitFor(pid)
for (const fd of [executable, output, nothing]) closeSync(fd)
const leaked = open().filter((fd) => !before.includes(fd))
writeFileSync(report, '')
const content = { status, leaked, exe, folder: readdirSync(folder).sort(), file: readFileSync(join(folder, 'output'), 'utf8') }
writeFileSync(report, JSON.stringify(content))
