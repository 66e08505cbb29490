import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { WHERRY, Wherry } from '../../support/cli.ts'
import { makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'

describe('the door', { skip: requires('root') }, () => {
  let wherry: Wherry
  before(async () => {
    wherry = new Wherry()
    const images = await makeCliImages()
    writeLayout(wherry.path('layout'), { 'base:1': images.base, 'app:2': images.app })
    await wherry.ok('load', '-q', '-i', wherry.path('layout'))
  })
  after(() => wherry.close())

  test('help of the program, of groups, of verbs by all their names', async () => {
    const help = await wherry.ok('--help')
    assert.match(help, /^Usage: {2}wherry \[OPTIONS\] COMMAND$/m)
    for (const verb of 'images history rmi tag untag save load push pull login logout info version completion'
      .split(' ')
      .filter((name) => name !== 'history'))
      assert.match(help, new RegExp(`^ {2}${verb} +[A-Z]`, 'm'))
    for (const argv of [[], ['-h'], ['help']]) assert.equal(await wherry.ok(...argv), help)
    const group = await wherry.ok('image', '--help')
    for (const verb of 'export history import inspect layers list load ls prune pull push rm save tag tree untag'.split(' '))
      assert.match(group, new RegExp(`^ {2}${verb} +[A-Z]`, 'm'))
    assert.equal(await wherry.ok('image'), group)
    const verb = await wherry.ok('pull', '--help')
    assert.match(verb, /^Usage: {2}wherry pull \[OPTIONS\] IMAGE \[IMAGE\.\.\.\]\n\nGet an image from a registry\n/)
    assert.match(verb, /^Aliases:\n {2}wherry pull, wherry image pull$/m)
    assert.match(verb, /^ {2}-q, --quiet +only print the digest$/m)
    assert.equal(await wherry.ok('help', 'image', 'pull'), verb)
    assert.equal(await wherry.ok('image', 'pull', '-h'), verb)
  })

  test('what is unknown names the nearest', async () => {
    assert.match(await wherry.fails(['imagse']), /^wherry: unknown command "imagse" \(did you mean images\?\): see wherry --help\n$/)
    assert.match(await wherry.fails(['image', 'layer', 'x']), /unknown command "image layer" \(did you mean layers\?\)/)
    assert.match(await wherry.fails(['images', '--quite']), /unknown flag --quite \(did you mean --quiet\?\): see wherry images --help/)
    assert.match(await wherry.fails(['images', '--root=/x']), /--root stands before the command/)
    assert.match(await wherry.fails(['--rot', '/x', 'images']), /unknown flag --rot \(did you mean --root\?\)/)
    assert.match(await wherry.fails(['images', '--format']), /--format argument missing/)
    assert.match(await wherry.fails(['images', 'a', 'b']), /wherry images takes at most 1 argument/)
    assert.match(await wherry.fails(['image', '--nope']), /unknown flag --nope/)
  })

  test('letters are bundled, booleans may have a value, -- ends the flags', async () => {
    assert.equal(await wherry.ok('images', '-qa'), await wherry.ok('images', '--quiet=true', '--all=1'))
    assert.match(await wherry.ok('images', '--quiet=false'), /^REPOSITORY/)
    assert.equal(await wherry.ok('images', '-q', '-f', 'label=tier=app'), await wherry.ok('images', '-qflabel=tier=app'))
    assert.equal(await wherry.ok('images', '-q', '--', 'base'), await wherry.ok('images', 'base', '-q'))
  })

  test('settings: a flag goes before a variable, that before the user’s file, that before nothing', async () => {
    const root = async (argv: readonly string[], env: Readonly<Record<string, string>>): Promise<string> =>
      (await wherry.run([...argv, 'info', '-f', '{{.DockerRootDir}}'], { env })).stdout.trim()
    const config = wherry.file('config.toml', `root = "${wherry.path('from-file')}"\n`)
    assert.equal(await root([], { WHERRY_CONFIG: config, WHERRY_ROOT: '' }), wherry.path('from-file'))
    assert.equal(await root([], { WHERRY_CONFIG: config, WHERRY_ROOT: wherry.path('from-env') }), wherry.path('from-env'))
    assert.equal(
      await root(['--root', 'from-flag'], { WHERRY_CONFIG: config, WHERRY_ROOT: wherry.path('from-env') }),
      wherry.path('from-flag'),
    )
    mkdirSync(wherry.path('home/.config/wherry'), { recursive: true })
    wherry.file('home/.config/wherry/wherry.toml', `root = "${wherry.path('from-home')}"\n`)
    assert.equal(await root([], { WHERRY_CONFIG: '', WHERRY_ROOT: '' }), wherry.path('from-home'))
    rmSync(wherry.path('home/.config'), { recursive: true })
  })

  test('wrong settings name their place', async () => {
    const wrong = async (text: string): Promise<string> => wherry.fails(['--config', wherry.file('wrong.toml', text), 'images'])
    assert.match(await wrong('rot = "/x"'), /wrong\.toml: there is no setting rot: did you mean root\?/)
    assert.match(await wrong('root = "x"'), /wrong\.toml: root: "x" is not an absolute path/)
    assert.match(await wrong('root = 5'), /wrong\.toml: root: 5 is not a/)
    assert.match(await wrong('log_level = "loud"'), /log_level: "loud" is not one of error, warn, info, debug, trace/)
    assert.match(await wrong('x = \n'), /wrong\.toml:1:\d+: /)
    assert.match(await wherry.fails(['--config', '/nowhere', 'images']), /configuration file \/nowhere does not exist/)
    assert.match(
      await wherry.fails(['images'], 1, { env: { WHERRY_LOG_FORMAT: 'xml' } }),
      /\$WHERRY_LOG_FORMAT: "xml" is not one of text, json/,
    )
    assert.match(await wherry.fails(['--log-level', 'loud', 'images']), /--log-level: "loud" is none of error/)
  })

  test('the log: nothing by default, lines with --debug, objects with --log-format json', async () => {
    assert.equal((await wherry.run(['images'])).stderr, '')
    assert.match((await wherry.run(['--debug', 'images'])).stderr, /^\d\d:\d\d:\d\d\.\d{3} debug opening the store root=\S+\n/)
    const { stderr } = await wherry.run(['--log-level=debug', '--log-format=json', 'rmi', 'nope'])
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
    assert.deepEqual(Object.keys(lines[0]!).slice(0, 2), ['level', 'time'])
    assert.match(lines.find(({ level }) => level === 'error')!['msg']!, /^image nope is not in the store/)
  })

  test('nobody who reads: it ends quietly', () => {
    const { status, stderr } = spawnSync('bash', ['-c', `set -o pipefail; (sleep 0.5; exec "$0" images) | true`, WHERRY], {
      encoding: 'utf8',
      env: { ...process.env, ...wherry.env },
    })
    assert.equal(status, 141)
    assert.equal(stderr, '')
  })

  test('makes its folders for itself alone', async () => {
    const root = wherry.path('new-root')
    assert.match(await wherry.ok('--root', root, 'images'), /^REPOSITORY .*\n$/)
    if (existsSync(root)) assert.equal(statSync(root).mode & 0o777, 0o700)
  })

  test('damage is told, with what to do', async () => {
    const root = wherry.path('damaged')
    await wherry.ok('--root', root, 'load', '-q', '-i', wherry.path('layout'))
    wherry.file('damaged/index.json', '{')
    assert.match(await wherry.fails(['--root', root, 'images']), /index\.json.*system check/)
    assert.match(await wherry.fails(['--root', wherry.file('file'), 'images']), /file/)
  })

  describe('completion', () => {
    const bash = (line: string): string[] => {
      const script = wherry.path('completion.bash')
      wherry.file(
        'completion.bash',
        execFileSync(WHERRY, ['completion', 'bash'], { encoding: 'utf8', env: { ...process.env, ...wherry.env } }),
      )
      const program = `. "$1"; COMP_LINE=$2; COMP_POINT=\${#2}; COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'; _wherry; printf '%s\\n' "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', script, line.replace(/^wherry/, WHERRY)], {
        encoding: 'utf8',
        env: { ...process.env, ...wherry.env },
      })
      assert.equal(stderr, '')
      return stdout.trim().split('\n').filter(Boolean)
    }

    test('of bash: verbs, flags, values, names of images', () => {
      assert.deepEqual(bash('wherry imag'), ['images', 'image'])
      assert.deepEqual(bash('wherry --log-level '), ['error', 'warn', 'info', 'debug', 'trace'])
      assert.deepEqual(bash('wherry --root /x image la'), ['layers'])
      assert.deepEqual(bash('wherry save --form'), ['--format'])
      assert.deepEqual(bash('wherry save --format=oci-'), ['oci-archive', 'oci-dir'])
      assert.deepEqual(bash('wherry rmi b'), ['base:1'])
      assert.deepEqual(bash('wherry rmi base:'), ['1'], 'bash parts words at colons')
      assert.deepEqual(bash('wherry completion '), ['bash', 'zsh', 'fish'])
      assert.ok(bash(`wherry load -i ${wherry.folder}/la`).includes(`${wherry.folder}/layout`))
    })

    test('of other shells', async () => {
      assert.match(await wherry.ok('completion', 'zsh'), /^#compdef wherry\n/)
      assert.match(await wherry.ok('completion', 'fish'), /complete -c wherry -f -a/)
      assert.match(await wherry.fails(['completion', 'tcsh']), /there is one for bash, zsh, fish/)
    })
  })
})
