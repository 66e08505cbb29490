/** -v, --mount, --tmpfs, --volumes-from. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitCsv } from '../../../../cli/containers/flags/csv.ts'
import type { MountRequest } from '../../../../cli/containers/request.ts'
import { configFor, CWD, problemOf, readLine, requestOf } from '../../../support/requests.ts'

const GOOD: readonly (readonly [argv: readonly string[], mount: Partial<MountRequest>])[] = [
  [['-v', '/a:/b'], { type: 'bind', source: '/a', target: '/b', readonly: false, options: [], createSource: true }],
  [['-v', '/a/../c:/b/./d/'], { type: 'bind', source: '/c', target: '/b/d', readonly: false, options: [], createSource: true }],
  [
    ['-v', './a:/b:ro,z'],
    { type: 'bind', source: `${CWD}/a`, target: '/b', readonly: true, relabel: 'shared', options: [], createSource: true },
  ],
  [
    ['-v', '.:/b:Z,rslave'],
    {
      type: 'bind',
      source: CWD,
      target: '/b',
      readonly: false,
      relabel: 'private',
      propagation: 'rslave',
      options: [],
      createSource: true,
    },
  ],
  [
    ['-v', '/a:/b:rw,bind,noexec,nosuid,cached'],
    { type: 'bind', source: '/a', target: '/b', readonly: false, nonRecursive: true, options: ['noexec', 'nosuid'], createSource: true },
  ],
  [['-v', '/a:/b:idmap'], { type: 'bind', source: '/a', target: '/b', readonly: false, idmap: true, options: [], createSource: true }],
  [
    ['-v', '/a:/b:idmap=uids=0-1000-1#5-6-7;gids=0-10-2'],
    {
      type: 'bind',
      source: '/a',
      target: '/b',
      readonly: false,
      idmap: {
        uid: [
          { containerID: 0, hostID: 1000, size: 1 },
          { containerID: 5, hostID: 6, size: 7 },
        ],
        gid: [{ containerID: 0, hostID: 10, size: 2 }],
      },
      options: [],
      createSource: true,
    },
  ],
  [['-v', '/only'], { type: 'volume', target: '/only', readonly: false, options: [] }],
  [['-v', '/only:ro'], { type: 'volume', target: '/only', readonly: true, options: [] }],
  [['-v', 'name:/b:nocopy'], { type: 'volume', source: 'name', target: '/b', readonly: false, noCopy: true, options: [] }],
  [['--mount', 'type=bind,src=/a:b,dst=/c:d,ro'], { type: 'bind', source: '/a:b', target: '/c:d', readonly: true, options: [] }],
  [
    ['--mount', 'type=bind,"source=/a,b",destination=/c,readonly=false,bind-propagation=rshared'],
    { type: 'bind', source: '/a,b', target: '/c', readonly: false, propagation: 'rshared', options: [] },
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,bind-recursive=disabled,bind-create-src'],
    { type: 'bind', source: '/a', target: '/b', readonly: false, nonRecursive: true, createSource: true, options: [] },
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,ro,bind-recursive=writable'],
    { type: 'bind', source: '/a', target: '/b', readonly: true, recursiveReadonly: 'writable', options: [] },
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,ro,bind-propagation=rprivate,bind-recursive=readonly'],
    { type: 'bind', source: '/a', target: '/b', readonly: true, propagation: 'rprivate', recursiveReadonly: 'readonly', options: [] },
  ],
  [['--mount', 'dst=/b'], { type: 'volume', target: '/b', readonly: false, options: [] }],
  [
    ['--mount', 'type=volume,src=v,dst=/b,volume-subpath=x//y/.,volume-nocopy,volume-label=a=b,volume-driver=local'],
    { type: 'volume', source: 'v', target: '/b', readonly: false, noCopy: true, subpath: 'x/y', volumeLabels: { a: 'b' }, options: [] },
  ],
  [
    ['--mount', 'type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770'],
    { type: 'tmpfs', target: '/t', readonly: false, size: '1048576', mode: 0o1770, options: ['noexec', 'nosuid', 'nodev'] },
  ],
  [
    ['--mount', 'type=image,src=other:1,dst=/i,image-subpath=/etc'],
    { type: 'image', source: 'other:1', target: '/i', readonly: true, subpath: 'etc', options: [] },
  ],
  [['--tmpfs', '/t'], { type: 'tmpfs', target: '/t', readonly: false, options: ['noexec', 'nosuid', 'nodev'] }],
  [
    ['--tmpfs', '/t:exec,size=50%,mode=700,uid=5,ro,tmpcopyup'],
    { type: 'tmpfs', target: '/t', readonly: true, size: '50%', mode: 0o700, options: ['nosuid', 'nodev', 'exec', 'uid=5', 'tmpcopyup'] },
  ],
]

test('reads mounts', () => {
  for (const [argv, mount] of GOOD) assert.deepEqual(requestOf(...argv).mounts, [mount], argv.join(' '))
})

const PRIVATE = configFor(requestOf('-v', '/a:/a:ro', '-v', 'v:/v', '--tmpfs', '/t', '--mount', 'type=image,src=i,dst=/i'))
const SHAREABLE = configFor(requestOf('-v', 'other:/v', '-v', 'w:/w'))

/** Command lines, and what is said of them. */
const BAD: readonly (readonly [argv: readonly string[], message: string])[] = [
  [['-v', ''], '--volume: "" is not absolute: the path in the container is wanted'],
  [['-v', '/'], '--volume: "/" is the root of the container: name a folder below it'],
  [['-v', '/a:/'], '--volume: "/" is the root of the container: name a folder below it'],
  [
    ['-v', 'a/b:/c'],
    `--volume: "a/b" is neither an absolute path nor the name of a volume (letters, digits, '_', '.' and '-', the first a letter or digit; a relative path begins with ./: "./a/b")`,
  ],
  [
    ['-v', '/a:b'],
    '--volume: "/a:b" has the unknown option "b"; there are ro, rw, z, Z, nocopy, idmap[=…], rbind, bind, private, rprivate, shared, rshared, slave, rslave, and those of mount(8): nosuid, nodev, noexec, noatime …',
  ],
  [
    ['-v', '/a:/b:ro:z'],
    '--volume: "/a:/b:ro:z" has too many colons: [SOURCE:]TARGET[:OPTIONS] is wanted (use --mount for paths that have colons)',
  ],
  [
    ['-v', '/a:/b:what'],
    '--volume: "/a:/b:what" has the unknown option "what"; there are ro, rw, z, Z, nocopy, idmap[=…], rbind, bind, private, rprivate, shared, rshared, slave, rslave, and those of mount(8): nosuid, nodev, noexec, noatime …',
  ],
  [['-v', '/a:/b:ro,rw'], '--volume: "/a:/b:ro,rw" has both ro and rw'],
  [['-v', ':/b'], '--volume: ":/b" has no source before the colon: leave the colon away for a volume without a name'],
  [['-v', 'x:/b:rshared'], '--volume: "x:/b:rshared" has an option of bind mounts, which a volume is not'],
  [
    ['-v', '/a:/b:nocopy'],
    '--volume: "/a:/b:nocopy" has nocopy or copy, which are for volumes: nothing is ever copied into a path of the machine',
  ],
  [
    ['-v', '/a:/b:U'],
    `--volume: "/a:/b:U" has the option U, which is not supported, it would change the owners of files on the machine: use idmap, by which they have the container's ids inside only`,
  ],
  [['-v', '/a:/b:O'], '--volume: "/a:/b:O" has the option O, which is not supported: use ro, or an image (--mount type=image)'],
  [['-v', '/a:/b\n'], '--volume: "/b\\n" has control characters'],
  [['-v', '/a:/b:z,Z'], '--volume: "/a:/b:z,Z" has both z and Z'],
  [['-v', '/a:/b:idmap=x'], '--volume: "idmap=x" is not of the form idmap=uids=CONTAINER-HOST-SIZE[#…];gids=CONTAINER-HOST-SIZE[#…]'],
  [['-v', '/a:/b', '-v', 'x:/b/'], '/b in the container is the target of two mounts: a bind mount and a volume'],
  [['-v', '/a:/b', '--tmpfs', '/b'], '/b in the container is the target of two mounts: a bind mount and a tmpfs'],
  [['-v', '/a:/b:shared,slave'], '--volume: "/a:/b:shared,slave" has both shared and slave'],
  [['-v', '/a:./b'], '--volume: "/a:./b" has a target that is not absolute: ./b'],
  [['--mount', ''], '--mount: "" has an empty field: NAME=VALUE,… is wanted'],
  [['--mount', 'type=what,dst=/a'], '--mount: "type=what,dst=/a" has type=what, which is none of bind, volume, tmpfs, image'],
  [['--mount', 'type=bind,dst=/a'], '--mount: "type=bind,dst=/a" has no source: type=bind needs a path of the machine'],
  [['--mount', 'type=bind,src=/a'], '--mount: "type=bind,src=/a" has no target: the path in the container is wanted'],
  [['--mount', 'type=bind,src=/a,dst=a'], '--mount: "a" is not absolute: the path in the container is wanted'],
  [
    ['--mount', 'type=tmpfs,src=/a,dst=/b'],
    '--mount: "type=tmpfs,src=/a,dst=/b" has source, which is for type=bind and type=volume and type=image, not for type=tmpfs',
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,volume-nocopy'],
    '--mount: "type=bind,src=/a,dst=/b,volume-nocopy" has nocopy, which is for type=volume, not for type=bind',
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,frob=1'],
    '--mount: "type=bind,src=/a,dst=/b,frob=1" has the unknown field frob; type=bind has type, target, readonly, rw, source, bind-propagation, bind-recursive, nonrecursive, bind-create-src, idmap, relabel, consistency, option',
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,bind-propagation=up'],
    '--mount: "type=bind,src=/a,dst=/b,bind-propagation=up" has bind-propagation=up, which is none of private, rprivate, shared, rshared, slave, rslave',
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,bind-recursive=readonly'],
    '--mount: "type=bind,src=/a,dst=/b,bind-recursive=readonly" has bind-recursive=readonly, which needs readonly',
  ],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,ro,bind-recursive=readonly'],
    '--mount: "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly" has bind-recursive=readonly, which needs bind-propagation=rprivate',
  ],
  [['--mount', 'type=bind,src=/a,src=/c,dst=/b'], '--mount: "type=bind,src=/a,src=/c,dst=/b" has source twice'],
  [
    ['--mount', 'type=bind,src="/a,dst=/b'],
    '--mount: "type=bind,src=\\"/a,dst=/b" has a double quote that does not enclose a whole field, or is not closed',
  ],
  [
    ['--mount', 'type=volume,dst=/b,volume-subpath=x'],
    '--mount: "type=volume,dst=/b,volume-subpath=x" has a subpath of a volume that is new and empty: name a source',
  ],
  [
    ['--mount', 'type=volume,src=x,dst=/b,volume-subpath=../y'],
    '--mount: "../y" is no folder below the volume: a relative path without .. is wanted',
  ],
  [
    ['--mount', 'type=volume,src=x,dst=/b,volume-opt=type=nfs'],
    '--mount: "type=volume,src=x,dst=/b,volume-opt=type=nfs" has volume-opt=type=nfs: options are for volumes that are made by `wherry volume create`; name one as the source',
  ],
  [
    ['--mount', 'type=volume,src=x,dst=/b,volume-driver=nfs'],
    '--mount: "type=volume,src=x,dst=/b,volume-driver=nfs" has volume-driver=nfs: there is no driver but local',
  ],
  [['--mount', 'type=image,dst=/b'], '--mount: "type=image,dst=/b" has no source: type=image needs the name of an image'],
  [['--mount', 'type=image,src=i,dst=/b,rw'], '--mount: "type=image,src=i,dst=/b,rw" wants to write to an image: they are read-only'],
  [['--mount', 'type=tmpfs,dst=/b,tmpfs-mode=9'], '--mount: "9" is no mode: up to four octal digits like 1777 are wanted'],
  [['--mount', 'type=tmpfs,dst=/b,tmpfs-size=lots'], '--mount: "lots" is no size: a number of bytes, or one with a unit like 64m or 1.5g'],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,ro=maybe'],
    '--mount: "type=bind,src=/a,dst=/b,ro=maybe" has readonly=maybe, which is neither true nor false',
  ],
  [['--mount', 'type=bind,src=/a,dst=/b,ro,rw'], '--mount: "type=bind,src=/a,dst=/b,ro,rw" has both readonly and rw'],
  [['--tmpfs', 'a'], '--tmpfs: "a" is not absolute: the path in the container is wanted'],
  [
    ['--tmpfs', '/a:what'],
    '--tmpfs: "/a:what" has the unknown option "what"; there are ro, rw, size=, mode=, uid=, gid=, nr_inodes=, nr_blocks=, tmpcopyup, notmpcopyup, exec, suid, dev, noexec, nosuid, nodev, noatime',
  ],
  [['--tmpfs', '/a:size=x'], '--tmpfs: "x" is no size: a number of bytes, or one with a unit like 64m or 1.5g'],
  [['--tmpfs', '/a:uid=bob'], '--tmpfs: "/a:uid=bob" has uid=bob, which is no id in decimal'],
  [['--tmpfs', '/a:nr_inodes=x'], '--tmpfs: "/a:nr_inodes=x" has nr_inodes=x, which is no number'],
  [['--shm-size', '0'], '--shm-size: "0" is nothing: a size like 64m is wanted'],
  [['--shm-size', 'x'], '--shm-size: "x" is no size: a number of bytes, or one with a unit like 64m or 1.5g'],
  [['--volumes-from', 'nobody'], 'there is no container "nobody"'],
  [['--volumes-from', 'c:what'], '--volumes-from: "c:what" has the unknown option "what"; there are ro and rw'],
]

test('says what is wrong, and what is allowed', () => {
  for (const [argv, message] of BAD) assert.equal(problemOf(argv, { containers: { c: PRIVATE, s: SHAREABLE } }), message, argv.join(' '))
})

test('mounts what other containers have from the machine and from volumes, where nothing else is wanted', () => {
  const mounts = (...argv: string[]) =>
    readLine(argv, { containers: { c: PRIVATE, s: SHAREABLE } }).request.mounts.map(({ source, target, readonly }) => [
      source,
      target,
      readonly,
    ])
  assert.deepEqual(mounts('--volumes-from', 'c'), [
    ['/a', '/a', true],
    ['v', '/v', false],
  ])
  assert.deepEqual(mounts('--volumes-from', 'c:rw', '--volumes-from', 's:ro'), [
    ['/a', '/a', false],
    ['v', '/v', false],
    ['w', '/w', true],
  ])
  assert.deepEqual(mounts('--volumes-from', 's', '-v', 'own:/v'), [
    ['own', '/v', false],
    ['w', '/w', false],
  ])
})

test('has 64 MiB of /dev/shm, or what is wanted', () => {
  assert.equal(requestOf().shmSize, '67108864')
  assert.equal(requestOf('--shm-size', '1.5g').shmSize, '1610612736')
})

test('splits fields at commas outside of quotes', () => {
  assert.deepEqual(splitCsv('a,,b'), ['a', '', 'b'])
  assert.deepEqual(splitCsv('"a,b",c'), ['a,b', 'c'])
  assert.deepEqual(splitCsv('"a ""b""",'), ['a "b"', ''])
  for (const wrong of ['"a', 'a"b', '"a"b', '"a",b"']) assert.equal(splitCsv(wrong), undefined, wrong)
})
