/** noNewPrivileges, oomScoreAdj, ioPriority, scheduler, CPU affinity, personality, and labels of security modules that are not there. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'
import { ARCH } from '../../../runtime/sys/syscall.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { requiresCapability, requiresFile } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

/** Field of /proc/PID/stat by its number there, proc_pid_stat(5); those after the name in parentheses. */
const STAT = 'f() { sed "s/.*) //" /proc/self/stat | cut -d" " -f$(($1 - 2)); }'

test('no_new_privs is set, or not, for init and exec', { skip }, async (t) => {
  for (const [noNewPrivileges, shown] of [
    [true, '1'],
    [false, '0'],
  ] as const) {
    const box = bundle(t, ({ process }) => {
      process.noNewPrivileges = noNewPrivileges
    })
    const { pid } = await box.up()
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^NoNewPrivs:\t${shown}$`, 'm'))
    assert.equal(await box.inside('grep NoNewPrivs /proc/self/status'), `NoNewPrivs:\t${shown}`)
  }
})

/** An executable whose exit status is 7 if it runs as root; busybox gives up such rights by itself. */
const whoami = (): Buffer => {
  const p = new Program(ARCH)
  const root = p.label()
  p.call('geteuid', [], { zero: root })
  p.exit(3)
  p.place(root)
  p.exit(7)
  return Buffer.from(link(p).elf)
}

test('with no_new_privs a set-user-id program gains nothing', { skip }, async (t) => {
  const box = bundle(t, ({ process }, made) => {
    process.user.uid = 1000
    writeFileSync(made.in('/whoami'), whoami())
    chmodSync(made.in('/whoami'), 0o4755)
  })
  box.config.process.noNewPrivileges = true
  assert.equal((await box.run(['/whoami'])).status, 3)
  box.config.process.noNewPrivileges = false
  assert.equal((await box.run(['/whoami'])).status, 7)
})

test('exec --no-new-privs sets it for that process', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  assert.equal(await box.inside('grep NoNewPrivs /proc/self/status', ['--no-new-privs']), 'NoNewPrivs:\t1')
})

test('oomScoreAdj is that of the process and of what it starts', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.oomScoreAdj = 789
  })
  await box.up('cat /proc/self/oom_score_adj > /tmp/score; exec sleep 100000')
  assert.equal(await box.inside('cat /tmp/score'), '789')
  const none = bundle(t)
  assert.equal(await none.probe('cat /proc/self/oom_score_adj'), readFileSync('/proc/self/oom_score_adj', 'utf8').trim())
})

test('ioPriority is that of init and of exec', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 4 }
  })
  await box.up('ionice -p 1 > /tmp/init; exec sleep 100000')
  assert.equal(await box.inside('cat /tmp/init; ionice -p $$'), 'best-effort: prio 4\nbest-effort: prio 4')
  writeFileSync(
    `${box.folder}/process.json`,
    JSON.stringify({ ...box.config.process, args: shell('ionice -p $$'), ioPriority: { class: 'IOPRIO_CLASS_IDLE' } }),
  )
  assert.equal((await box.must('exec', '--process', `${box.folder}/process.json`, box.id)).stdout, 'idle\n')
})

/** Policies of sched(7) by number, and what is shown of each: policy, real-time priority, nice. */
const SCHEDULERS: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ policy: 'SCHED_OTHER', nice: 7 }, '0 0 7'],
  [{ policy: 'SCHED_BATCH', nice: 19 }, '3 0 19'],
  [{ policy: 'SCHED_IDLE' }, '5 0 0'],
]
const REAL_TIME: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ policy: 'SCHED_FIFO', priority: 20 }, '1 20 0'],
  [{ policy: 'SCHED_RR', priority: 3 }, '2 3 0'],
]
const SHOW = `${STAT}; echo $(f 41) $(f 40) $(f 19)`

test('schedulers', { skip }, async (t) => {
  const box = bundle(t)
  for (const [scheduler, shown] of SCHEDULERS) {
    box.config.process.scheduler = scheduler
    assert.equal(await box.probe(SHOW), shown, String(scheduler['policy']))
  }
})

test('real-time schedulers', { skip: skip || requiresCapability('CAP_SYS_NICE') }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    // where groups have shares of real time, a new one has none
    if (existsSync('/sys/fs/cgroup/cpu/cpu.rt_runtime_us')) linux.resources = { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 1000 } }
  })
  for (const [scheduler, shown] of REAL_TIME) {
    box.config.process.scheduler = scheduler
    assert.equal(await box.probe(SHOW), shown, String(scheduler['policy']))
  }
})

test('SCHED_DEADLINE with its times and flags, for exec too', { skip: skip || requiresCapability('CAP_SYS_NICE') }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.scheduler = {
      policy: 'SCHED_DEADLINE',
      flags: ['SCHED_FLAG_RESET_ON_FORK'],
      runtime: 1_000_000,
      deadline: 50_000_000,
      period: 100_000_000,
    }
  })
  const { pid } = await box.up('exec sleep 100000')
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  assert.equal(stat[38], '6')
  assert.equal(await box.inside(`exec cat /proc/self/stat | sed 's/.*) //' | cut -d' ' -f39`), '0', 'children are reset')
  await box.must('delete', '--force', box.id)
})

test('CPUs are those of the cgroup, not those of the caller', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = shell('grep Cpus_allowed_list /proc/self/status')
  box.write()
  const all = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/1/status', 'utf8'))![1]
  const result = await command(['taskset', '1', RUNTIME, '--root', box.root, 'run', '--bundle', box.folder, box.id], box.folder)
  assert.equal(result.stdout, `Cpus_allowed_list:\t${all}\n`, result.stderr)
})

test('execCPUAffinity is that of an exec, init keeps all', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.execCPUAffinity = { initial: '0', final: '0' }
  })
  const { pid } = await box.up()
  const all = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/1/status', 'utf8'))![1]
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Cpus_allowed_list:\t${all}$`, 'm'))
  assert.equal(await box.inside('grep Cpus_allowed_list /proc/self/status'), 'Cpus_allowed_list:\t0')
})

test('personality', { skip: skip || requires('x64') }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.personality = { domain: 'LINUX32' }
  })
  await box.up('uname -m > /tmp/machine; exec sleep 100000')
  assert.equal(await box.inside('cat /tmp/machine; uname -m; cat /proc/self/personality'), 'i686\ni686\n00000008')
  const plain = bundle(t, ({ linux }) => {
    linux.personality = { domain: 'LINUX' }
  })
  assert.equal(await plain.probe('uname -m; cat /proc/1/personality'), 'x86_64\n00000000')
})

test('flags of a personality are passed over with a warning', { skip: skip || wherryOnly('a warning for flags') }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.personality = { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] }
  })
  assert.match((await box.run(['true'])).stderr, /level=warning.*linux\.personality\.flags.*ADDR_NO_RANDOMIZE/)
})

const labelled = (t: Parameters<typeof bundle>[0]): Bundle =>
  bundle(t, ({ process, linux }) => {
    process.apparmorProfile = 'no-such-profile'
    process.selinuxLabel = 'system_u:system_r:container_t:s0'
    linux.mountLabel = 'system_u:object_r:container_file_t:s0'
  })

const noModules = existsSync('/sys/kernel/security/apparmor') || existsSync('/sys/fs/selinux/enforce')

test('labels of modules that the kernel lacks are passed over with a warning', {
  skip: skip || wherryOnly('missing modules') || (noModules ? 'requires a kernel without AppArmor and SELinux' : false),
}, async (t) => {
  const result = await labelled(t).run(['true'])
  assert.equal(result.status, 0, result.stderr)
  assert.match(result.stderr, /level=warning.*process\.apparmorProfile has no effect.*AppArmor/)
  assert.match(result.stderr, /level=warning.*process\.selinuxLabel has no effect.*SELinux/)
})

test('an AppArmor profile is entered at execve', { skip: skip || requiresFile('/sys/kernel/security/apparmor/profiles') }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.apparmorProfile = 'unconfined'
  })
  assert.equal(await box.probe('cat /proc/self/attr/current'), 'unconfined')
  box.config.process.apparmorProfile = 'no-such-profile'
  await box.refused(/no-such-profile/)
})

test("the process has a session keyring of its own, unless told to keep the caller's", {
  skip: skip || requiresFile('/proc/keys'),
}, async (t) => {
  const box = bundle(t)
  assert.match(await box.probe('cat /proc/keys'), new RegExp(`_ses\\.${box.id}`))
  assert.doesNotMatch(await box.probe('cat /proc/keys', { flags: ['--no-new-keyring'] }), new RegExp(`_ses\\.${box.id}`))
})
