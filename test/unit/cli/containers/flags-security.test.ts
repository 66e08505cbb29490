/** Capabilities, security options, devices. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { problemOf, readLine, requestOf } from '../../../support/requests.ts'

const folder = mkdtempSync(`${tmpdir()}/wherry-test-flags-`)
after(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string): string => {
  writeFileSync(`${folder}/${name}`, text)
  return `${folder}/${name}`
}

test('is neither privileged nor in any way open by default', () => {
  assert.deepEqual(requestOf().security, {
    privileged: false,
    capAdd: [],
    capDrop: [],
    noNewPrivileges: false,
    labels: [],
    mask: [],
    unmask: [],
  })
})

test('reads capabilities in every spelling', () => {
  const { capAdd, capDrop } = requestOf('--cap-add', 'net_admin,CAP_SYS_TIME', '--cap-add', 'NET_ADMIN', '--cap-drop', 'all').security
  assert.deepEqual([capAdd, capDrop], [['CAP_NET_ADMIN', 'CAP_SYS_TIME'], ['ALL']])
})

test('reads security options', () => {
  const profile = '{"defaultAction":"SCMP_ACT_ALLOW"}'
  const { security } = readLine(
    [
      ...['--security-opt', 'no-new-privileges', '--security-opt', 'seccomp=profile.json', '--security-opt', 'apparmor=mine'],
      ...[
        '--security-opt',
        'label=type:svirt_t',
        '--security-opt',
        'label:level:s0:c1,c2',
        '--security-opt',
        'mask=/a:/b',
        '--security-opt',
        'unmask=/proc/kcore',
      ],
    ],
    { cwd: folder, args: [file('profile.json', profile) && 'image'] },
  ).request
  assert.deepEqual(security, {
    privileged: false,
    capAdd: [],
    capDrop: [],
    noNewPrivileges: true,
    seccomp: { mode: 'profile', file: `${folder}/profile.json`, profile },
    apparmor: 'mine',
    labels: ['type:svirt_t', 'level:s0:c1,c2'],
    mask: ['/a', '/b'],
    unmask: ['/proc/kcore'],
  })
  assert.deepEqual(requestOf('--security-opt', 'seccomp=unconfined').security.seccomp, { mode: 'unconfined' })
  assert.equal(requestOf('--security-opt', 'seccomp=unconfined', '--security-opt', 'seccomp=builtin').security.seccomp, undefined)
  assert.deepEqual(requestOf('--security-opt', 'systempaths=unconfined').security.unmask, ['ALL'])
  assert.equal(requestOf('--security-opt', 'no-new-privileges=false').security.noNewPrivileges, false)
})

test('refuses files that are no profiles', () => {
  const said = (text: string) => problemOf(['--security-opt', `seccomp=${file('p.json', text)}`])?.replaceAll(folder, 'F')
  assert.equal(
    said('{'),
    `--security-opt: "seccomp=F/p.json" names a file that is no seccomp profile: it is not valid JSON: Expected property name or '}' in JSON at position 1 (line 1 column 2)`,
  )
  assert.match(
    said('{"defaultAction":"SCMP_ACT_NO"}')!,
    /names a file that is no seccomp profile: profile\.defaultAction: must be one of .*SCMP_ACT_ALLOW.* is "SCMP_ACT_NO"$/,
  )
  assert.equal(
    said('{}'),
    '--security-opt: "seccomp=F/p.json" names a file that is no seccomp profile: profile.defaultAction: must be there',
  )
})

test('reads devices', () => {
  const devices = (...argv: string[]) => requestOf(...argv.flatMap((text) => ['--device', text])).devices
  assert.deepEqual(devices('/dev/fuse', '/dev/a:/dev/b', '/dev/c:r', '/dev/d:/dev/e:rm', '/dev/dri/'), [
    { source: '/dev/fuse', target: '/dev/fuse', access: 'rwm' },
    { source: '/dev/a', target: '/dev/b', access: 'rwm' },
    { source: '/dev/c', target: '/dev/c', access: 'r' },
    { source: '/dev/d', target: '/dev/e', access: 'rm' },
    { source: '/dev/dri', target: '/dev/dri', access: 'rwm' },
  ])
  assert.deepEqual(requestOf('--device-cgroup-rule', 'c 42:* rmw', '--device-cgroup-rule', 'a *:* r').deviceRules, [
    'c 42:* rmw',
    'a *:* r',
  ])
})

/** Command lines, and what is said of them. */
const BAD: readonly (readonly [argv: readonly string[], message: string])[] = [
  [['--cap-add', 'FROB'], '--cap-add: "FROB" is no capability: see capabilities(7)'],
  [['--cap-add', 'NET_ADMON'], '--cap-add: "NET_ADMON" is no capability (did you mean NET_ADMIN?)'],
  [['--cap-add', 'CHOWN', '--cap-drop', 'cap_chown'], '--cap-add CAP_CHOWN and --cap-drop CAP_CHOWN exclude each other'],
  [
    ['--security-opt', 'x'],
    '--security-opt: "x" is unknown; there are seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=user:|role:|type:|level:|disable|nested, no-new-privileges[=true|false], mask=PATH[:PATH], unmask=PATH[:PATH]|ALL, systempaths=unconfined',
  ],
  [['--security-opt', 'seccomp=/nope'], '--security-opt: "/nope" cannot be read: no such file or directory'],
  [
    ['--security-opt', 'seccomp'],
    '--security-opt: "seccomp" needs a value; there are seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=user:|role:|type:|level:|disable|nested, no-new-privileges[=true|false], mask=PATH[:PATH], unmask=PATH[:PATH]|ALL, systempaths=unconfined',
  ],
  [
    ['--security-opt', 'label=foo:x'],
    '--security-opt: "label=foo:x" is none of label=user:…, label=role:…, label=type:…, label=level:…, label=filetype:…, label=disable, label=nested',
  ],
  [['--security-opt', 'no-new-privileges=maybe'], '--security-opt: "no-new-privileges=maybe" has "maybe", which is neither true nor false'],
  [['--security-opt', 'mask=proc'], '--security-opt: "mask=proc" has "proc", which is no absolute path'],
  [['--security-opt', 'unmask=x'], '--security-opt: "unmask=x" has "x", which is no absolute path'],
  [['--security-opt', 'systempaths=all'], '--security-opt: "systempaths=all" is not systempaths=unconfined'],
  [
    ['--security-opt', 'apparmor='],
    '--security-opt: "apparmor=" needs a value; there are seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=user:|role:|type:|level:|disable|nested, no-new-privileges[=true|false], mask=PATH[:PATH], unmask=PATH[:PATH]|ALL, systempaths=unconfined',
  ],
  [['--device', 'dev/x'], '--device: "dev/x" has "dev/x" for a path: absolute ones are wanted, as /dev/fuse'],
  [['--device', '/dev/a:b:c'], '--device: "/dev/a:b:c" has "c" for the access: letters of rwm are wanted'],
  [['--device', '/dev/a:/dev/b:x'], '--device: "/dev/a:/dev/b:x" has "x" for the access: letters of rwm are wanted'],
  [
    ['--device', 'vendor.com/class=name'],
    '--device: "vendor.com/class=name" is a name of the Container Device Interface, which is not supported: name the devices that it stands for, as /dev/dri',
  ],
  [
    ['--device-cgroup-rule', 'c 1:2'],
    `--device-cgroup-rule: "c 1:2" is not of the form 'TYPE MAJOR:MINOR ACCESS', as 'c 42:* rmw': type a, b or c, numbers or *, letters of rwm`,
  ],
  [['--device-cgroup-rule', 'a 1:2 r'], '--device-cgroup-rule: "a 1:2 r" has type a, which is all devices: *:* goes with it'],
  [['--device', '/'], '--device: "/" is the root of a file system: a device is wanted, as /dev/fuse'],
]

test('says what is wrong, and what is allowed', () => {
  for (const [argv, message] of BAD) assert.equal(problemOf(argv), message, argv.join(' '))
})
