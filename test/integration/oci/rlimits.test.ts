/** process.rlimits, getrlimit(2). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { requiresWithout } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { command, RUNTIME } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

/** By type: how proc_pid_limits(5) calls it, and values below what every machine has. */
const LIMITS = {
  RLIMIT_CPU: ['Max cpu time', 3000, 4000],
  RLIMIT_FSIZE: ['Max file size', 1_000_000, 2_000_000],
  RLIMIT_DATA: ['Max data size', 2 ** 30, 2 ** 31],
  RLIMIT_STACK: ['Max stack size', 4_194_304, 8_388_608],
  RLIMIT_CORE: ['Max core file size', 0, 1024],
  RLIMIT_RSS: ['Max resident set', 2 ** 30, 2 ** 31],
  RLIMIT_NPROC: ['Max processes', 1000, 2000],
  RLIMIT_NOFILE: ['Max open files', 300, 400],
  RLIMIT_MEMLOCK: ['Max locked memory', 4096, 65536],
  RLIMIT_AS: ['Max address space', 2 ** 31, 2 ** 32],
  RLIMIT_LOCKS: ['Max file locks', 10, 20],
  RLIMIT_SIGPENDING: ['Max pending signals', 100, 200],
  RLIMIT_MSGQUEUE: ['Max msgqueue size', 1000, 2000],
  RLIMIT_NICE: ['Max nice priority', 0, 0],
  RLIMIT_RTPRIO: ['Max realtime priority', 0, 0],
  RLIMIT_RTTIME: ['Max realtime timeout', 5000, 6000],
} as const

const parse = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\n')
      .slice(1)
      .map((line) => [line.slice(0, 26).trim(), line.slice(26).trim().split(/\s+/).slice(0, 2).join(' ')]),
  )

test('every limit is set, for init and for exec', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.rlimits = Object.entries(LIMITS).map(([type, [, soft, hard]]) => ({ type, soft, hard }))
  })
  const { pid } = await box.up()
  for (const limits of [parse(readFileSync(`/proc/${pid}/limits`, 'utf8')), parse((await box.exec(['cat', '/proc/self/limits'])).stdout)])
    for (const [name, soft, hard] of Object.values(LIMITS)) assert.equal(limits.get(name), `${soft} ${hard}`, name)
})

test("what is not in the config is the caller's", { skip }, async (t) => {
  const own = parse(readFileSync('/proc/self/limits', 'utf8'))
  const limits = parse(await bundle(t).probe('cat /proc/self/limits'))
  for (const name of ['Max processes', 'Max stack size', 'Max core file size', 'Max locked memory'])
    assert.equal(limits.get(name), own.get(name), name)
})

test("the soft limit of open files is the caller's, not that of the program which runs the runtime", { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = ['sh', '-c', 'ulimit -Sn; ulimit -Hn']
  box.write()
  const result = await command(
    ['sh', '-c', `ulimit -Sn 777; exec ${RUNTIME} --root ${box.root} run --bundle ${box.folder} ${box.id}`],
    box.folder,
  )
  assert.equal(result.stdout.split('\n')[0], '777', result.stderr)
})

test('a limit is enforced', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.rlimits = [{ type: 'RLIMIT_FSIZE', soft: 1024, hard: 1024 }]
  })
  assert.match(await box.probe('(head -c 4096 /dev/zero > /tmp/file) 2>&1; wc -c < /tmp/file'), /(^|\n)1024$/)
})

test('more than the caller may give is refused, with what is missing', { skip: skip || requiresWithout('CAP_SYS_RESOURCE') }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 2 ** 40 }]
  })
  await box.refused(/process\.rlimits.*RLIMIT_NOFILE.*operation not permitted.*CAP_SYS_RESOURCE/)
})
