/** The entrance for users without privileges, and their containers on layers. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Layered } from '../support/layered.ts'
import { mountTable } from '../support/leftovers.ts'
import { requiresFile } from '../support/machine.ts'
import { requires } from '../support/requires.ts'

/** A user of no password database, and the first id of the range that it is given. */
const USER = 12_345
const RANGE = 700_000

const skip = requires('root', 'busybox', 'public_checkout')
const skipRanges = skip || requires('newuidmap') || requiresFile('/etc/subuid') || requiresFile('/etc/subgid')

const CHILD = join(import.meta.dirname, '../support/rootless-child.ts')
const CONTAINER = join(import.meta.dirname, '../support/rootless-container.ts')
const AS_USER = ['setpriv', '--reuid', String(USER), '--regid', String(USER), '--clear-groups', '--inh-caps=-all']

/** A folder of the user's. */
const home = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-rootless-'))
  chownSync(folder, USER, USER)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Options {
  /** The user has a name, and a range in /etc/subuid and /etc/subgid; nobody else sees them. */
  readonly ranges?: boolean
  /** Before the user's command, as root in a mount namespace of its own. */
  readonly setup?: string
}

/** The command line of a user's command. */
const asUser = (folder: string, argv: readonly string[], { ranges = false, setup = 'true' }: Options = {}): string[] => {
  writeFileSync(`${folder}/passwd`, `tester:x:${USER}:${USER}::/:/bin/sh\n${readFileSync('/etc/passwd', 'utf8')}`)
  writeFileSync(`${folder}/subid`, `tester:${RANGE}:1000\n`)
  const mounts = ranges
    ? `mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/subid" /etc/subuid; mount --bind "$0/subid" /etc/subgid`
    : 'true'
  const script = `set -e; ${mounts}; ${setup}; exec ${AS_USER.join(' ')} "$@"`
  return ['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script, folder, process.execPath, ...argv]
}

const environment = (folder: string) => ({ PATH: process.env['PATH'] ?? '', TMPDIR: folder, HOME: folder })

const run = (folder: string, argv: readonly string[], options?: Options) => {
  const [command, ...args] = asUser(folder, argv, options)
  const { status, stdout, stderr } = spawnSync(command!, args, { encoding: 'utf8', cwd: '/', env: environment(folder) })
  return { status, stdout, stderr }
}

test('without ranges the own id alone is mapped, and a warning says what to do', { skip }, (t) => {
  const script = 'id -u; cat /proc/self/setgroups; exit 7'
  const { status, stdout, stderr } = run(home(t), [CHILD, '-', script, 'one', 'two words'])
  assert.equal(stdout, `0\ndeny\nuser ${USER}:${USER}\nmap 0 ${USER} 1\narguments one two words\ngiven kept\n`)
  assert.equal(status, 7)
  assert.match(stderr, /^warning: only your own id is mapped.*no range in \/etc\/subuid: as root, echo 12345:100000:65536 >> \/etc\/subuid/)
})

test('ranges are mapped above the own id', { skip: skipRanges }, (t) => {
  const folder = home(t)
  const { status, stdout, stderr } = run(
    folder,
    [CHILD, '-', `cat /proc/self/setgroups; cd ${folder}; touch mine theirs; chown 5:6 theirs`],
    { ranges: true },
  )
  assert.equal(stderr, '')
  assert.match(stdout, new RegExp(`^allow\nuser ${USER}:${USER}\nmap 0 ${USER} 1 1 ${RANGE} 1000\n`))
  assert.equal(status, 0)
  const [mine, theirs] = ['mine', 'theirs'].map((name) => lstatSync(`${folder}/${name}`))
  assert.deepEqual([mine!.uid, theirs!.uid, theirs!.gid], [USER, RANGE + 4, RANGE + 5])
})

test('newuidmap that cannot map is told, with what mends it', { skip: skipRanges }, (t) => {
  const folder = home(t)
  mkdirSync(`${folder}/bin`)
  writeFileSync(`${folder}/bin/newuidmap`, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const { status, stderr } = run(folder, [CHILD, '-', 'true'], { ranges: true, setup: 'export PATH="$0/bin:$PATH"' })
  assert.match(stderr, /^warning: .*\/bin\/newuidmap has neither the set-user-ID bit of root nor capabilities: chown root .* && chmod u\+s/)
  assert.equal(status, 0)
})

test('a range that is not the user’s to map is an error of newuidmap', { skip: skipRanges }, (t) => {
  const folder = home(t)
  // what we read says yes, what newuidmap reads says no: it looks for the name, and finds another number
  const setup =
    'echo "12345:900000:10" > "$0/uid"; echo "tester:800000:10" > "$0/gid"; mount --bind "$0/uid" /etc/subuid; mount --bind "$0/gid" /etc/subgid; printf "#!/bin/sh\\necho refused >&2; exit 1\\n" > "$0/helper"; chmod 4755 "$0/helper"; mount --bind "$0/helper" "$(command -v newuidmap)"'
  const { status, stderr } = run(folder, [CHILD, '-', 'true'], { ranges: true, setup })
  assert.match(stderr, /^error: newuidmap \d+ 0 12345 1 1 900000 10: refused \(the ranges must be in \/etc\/subuid\)/)
  assert.equal(status, 1)
})

test('user namespaces that are turned off', { skip }, (t) => {
  const folder = home(t)
  const setup =
    'mkdir "$0/sys"; cp -r /proc/sys/user "$0/sys/" 2> /dev/null || mkdir -p "$0/sys/user"; echo 0 > "$0/sys/user/max_user_namespaces"; mount --bind "$0/sys/user" /proc/sys/user'
  const { status, stderr } = run(folder, [CHILD, '-', 'true'], { setup })
  assert.match(
    stderr,
    /error: user namespaces are turned off \(user\.max_user_namespaces is 0\): as root, sysctl -w user\.max_user_namespaces=28633/,
  )
  assert.equal(status, 1)
})

test('signals reach it: it is the process that was started', { skip }, async (t) => {
  const folder = home(t)
  const script = `import('node:fs').then(({ writeFileSync }) => {
    process.on('SIGTERM', () => { console.log('terminated'); process.exit(9) })
    writeFileSync('${folder}/pid', String(process.pid)); setInterval(() => {}, 1000)
  })`
  writeFileSync(
    `${folder}/enter.mjs`,
    `const { enterUserNamespace, enteredAs } = await import(${JSON.stringify(import.meta.resolve('../../runtime/rootless/enter.ts'))})
     if (enteredAs() === undefined) await enterUserNamespace({ argv: [process.execPath, '${folder}/enter.mjs'], env: process.env, warn: () => {}, folder: '${folder}' })
     await ${script}`,
  )
  const [command, ...args] = asUser(folder, [`${folder}/enter.mjs`])
  const child = spawn(command!, args, { cwd: '/', env: environment(folder), stdio: ['ignore', 'pipe', 'inherit'] })
  const output = child.stdout.toArray()
  while (!existsSync(`${folder}/pid`) || readFileSync(`${folder}/pid`, 'utf8') === '') await new Promise((done) => setTimeout(done, 20))
  assert.equal(Number(readFileSync(`${folder}/pid`, 'utf8')), child.pid)
  child.kill('SIGTERM')
  const [status] = (await once(child, 'exit')) as [number]
  assert.equal(status, 9)
  assert.equal(Buffer.concat((await output) as Buffer[]).toString(), 'terminated\n')
})

test('another invocation joins the user namespace of a process, and has power over what is in it', { skip: skipRanges }, async (t) => {
  const folder = home(t)
  const script = `exec setpriv --reuid 5 --regid 5 --clear-groups sleep 100000`
  const [command, ...args] = asUser(folder, [CHILD, '-', `echo $$ > ${folder}/pid; ${script}`], { ranges: true })
  const child = spawn(command!, args, { cwd: '/', env: environment(folder), stdio: 'ignore' })
  try {
    while (!existsSync(`${folder}/pid`) || readFileSync(`${folder}/pid`, 'utf8') === '') await new Promise((done) => setTimeout(done, 20))
    const pid = Number(readFileSync(`${folder}/pid`, 'utf8'))
    while (!/^Uid:\t700004\t/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await new Promise((done) => setTimeout(done, 20))
    const alone = run(folder, [CHILD, '-', `kill -0 ${pid}`], { ranges: true })
    assert.match(alone.stderr, /Operation not permitted/)
    const plain = spawnSync(AS_USER[0]!, [...AS_USER.slice(1), 'kill', '-0', String(pid)], { encoding: 'utf8' })
    assert.equal(plain.status, 0, plain.stderr) // its namespace is this user's
    const joined = run(folder, [CHILD, `--join=${pid}`, `readlink /proc/self/ns/user; kill ${pid}`], { ranges: true })
    assert.equal(joined.stderr, '')
    assert.equal(joined.stdout.split('\n')[0], readlinkSync(`/proc/${child.pid}/ns/user`))
    await once(child, 'exit')
    const gone = run(folder, [CHILD, `--join=${pid}`, 'true'])
    assert.match(gone.stderr, /^error: process \d+ is gone/)
    const others = run(folder, [CHILD, `--join=${process.pid}`, 'true'])
    assert.match(others.stderr, /^error: the user namespace of process \d+ is another user’s/)
  } finally {
    child.kill('SIGKILL')
  }
})

/** Layers of the user’s own, and what runs on them. */
const layered = (t: TestContext, script: string, nested: boolean): Layered => {
  const box = new Layered(t, script, ({ linux, process }, made) => {
    delete linux.cgroupsPath
    process.capabilities = { bounding: ['CAP_CHOWN'], effective: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'] }
    if (nested) {
      linux.namespaces.push({ type: 'user' })
      linux.uidMappings = [{ containerID: 0, hostID: USER, size: 1 }]
      linux.gidMappings = [{ containerID: 0, hostID: USER, size: 1 }]
    }
    made.own(USER)
    mkdirSync(made.root, { mode: 0o700 })
    for (const path of [made.folder, made.root]) chownSync(path, USER, USER)
  })
  for (let index = 0; index < 3; index += 1) box.layer({ who: `${index}\n`, 'gone/below': '' })
  spawnSync('chown', ['-R', `${USER}:${USER}`, ...box.lowers.slice(1), box.box.rootfs])
  chownSync(`${box.folder}/layers`, USER, USER)
  box.box.write()
  writeFileSync(`${box.folder}/rootfs.json`, JSON.stringify(box.description))
  return box
}

const SCRIPT = 'cat /who; rm -r /gone; rm /who; echo new > /new; ls /'

for (const [how, what] of [
  ['enter', 'mounted by a process that has come through the entrance'],
  ['here', 'mounted by init, in the user namespace of the container'],
] as const)
  test(`a container on layers, ${what}`, { skip }, (t) => {
    const box = layered(t, SCRIPT, how === 'here')
    const before = mountTable()
    const { status, stdout, stderr } = run(box.folder, [CONTAINER, how, box.folder, box.id])
    assert.equal(stdout, '2\nbin\ndev\netc\nmnt\nnew\nproc\nroot\nrun\nsys\ntmp\n', stderr)
    assert.equal(status, 0)
    assert.deepEqual(readdirSync(box.upper).sort(), ['gone', 'new', 'who'])
    assert.ok(lstatSync(`${box.upper}/who`).isCharacterDevice())
    assert.equal(lstatSync(`${box.upper}/new`).uid, USER)
    assert.deepEqual(mountTable(), before)
  })

test('a layer that is missing is named, also where init mounts', { skip }, (t) => {
  const box = layered(t, 'true', true)
  rmSync(box.lowers[2]!, { recursive: true })
  const { status, stderr } = run(box.folder, [CONTAINER, 'here', box.folder, box.id])
  assert.match(stderr, /^error: layer 3 of 4 is missing: .*\/layers\/2 \(check the store, or pull the image again\)/)
  assert.equal(status, 1)
})

test('without a user namespace of its own, and without the entrance, it is refused', { skip }, (t) => {
  const box = layered(t, 'true', false)
  const { stderr } = run(box.folder, [CONTAINER, 'here', box.folder, box.id])
  assert.match(stderr, /^error: a root filesystem of layers can be mounted by root, or in a user namespace/)
})

test('other users of the container have ids of the range', { skip: skipRanges }, (t) => {
  const box = layered(t, 'touch /mine; chown 5:6 /mine; stat -c "%u %g" /mine', false)
  const { stdout, stderr } = run(box.folder, [CONTAINER, 'enter', box.folder, box.id], { ranges: true })
  assert.equal(stdout, '5 6\n', stderr)
  const { uid, gid } = lstatSync(`${box.upper}/mine`)
  assert.deepEqual([uid, gid], [RANGE + 4, RANGE + 5])
})
