/** Images of umoci, buildah and skopeo: what we unpack and overlayfs merges is what umoci unpacks, in types, modes, owners, times, attributes and content. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { bash, compareWithUmoci, mediaTypesOf } from '../../support/peer-images.ts'
import { requires } from '../../support/requires.ts'
import { archive, dir, file, hardlink, header, pax, symlink } from '../../support/tar-blocks.ts'
import { scratch } from '../../support/unpacked.ts'

/** A tree with everything that a file system has, made where bash stands. */
const TREE = `
  mkdir -p plain sticky setgid secret deep/a/b/c/d many empty
  echo hello > plain/file; printf 'x%.0s' {1..5000} > plain/longer; : > plain/empty
  chmod 1777 sticky; chmod 2775 setgid; chgrp 50 setgid; chmod 700 secret; chown 1000:1001 secret
  echo s > setgid/in; echo suid > plain/suid; chown 7:8 plain/suid; chmod 6755 plain/suid
  echo z > plain/zero; chmod 0 plain/zero
  ln plain/file plain/same; ln plain/file deep/a/same-too
  ln -s ../no/where plain/dangling; ln -s /etc/passwd plain/absolute; ln -s deep/a/b short; chown -h 5:6 short
  mkfifo plain/pipe; mknod plain/null c 1 3; chmod 666 plain/null; mknod plain/disk b 259 70000
  echo u > 'plain/späce and ☃'; echo l > plain/$'latin\\xe9'; echo n > plain/$'new\\nline'
  name=$(printf 'n%.0s' {1..200}); mkdir -p "long/$name"; echo x > "long/$name/$name"; ln -s "$name" long/to
  truncate -s 3M plain/sparse; printf mid | dd of=plain/sparse bs=1 seek=1M conv=notrunc status=none
  for i in {1..50}; do echo $i > many/$i; done
  touch -d '2020-01-02 03:04:05.123456789 UTC' plain/file; touch -d '1960-06-01 UTC' plain/longer
  touch -h -d '2021-05-06 07:08:09.5 UTC' plain/dangling; touch -d '1999-12-31 23:59:59.999999999 UTC' deep/a deep plain sticky
`

/** A capability set whose bytes are no UTF-8, and values that are no text. */
const xattrs = (folder: string): void => {
  const capability = Buffer.alloc(20)
  capability.writeUInt32LE(0x02000001, 0)
  capability.writeUInt32LE(0x20c0, 4)
  syscall('setxattr', [`${folder}/plain/suid`, 'security.capability', capability, capability.length, 0])
  syscall('setxattr', [`${folder}/plain/file`, 'user.comment', Buffer.from([0, 1, 0xff, 0x0a]), 4, 0])
  syscall('setxattr', [`${folder}/sticky`, 'user.folder', Buffer.from('of a folder'), 11, 0])
}

/** Of what a layer does to the ones below. */
const CHANGES = `
  rm plain/empty; rm -r many; mkdir many; echo new > many/only
  rm -r deep; echo 'a file now' > deep; rm short; mkdir short; echo in > short/in
  rm plain/longer; ln -s file plain/longer; chmod 750 secret; chown 3:4 sticky
  echo changed >> plain/same; touch -d '2022-02-02 02:02:02.02 UTC' plain; mv plain/null plain/zilch
  mkdir later; ln plain/zero later/zero
`

test('umoci: three layers', { skip: requires('root', 'umoci') }, async (t) => {
  const folder = scratch(t)
  bash('umoci init --layout layout; umoci new --image layout:x; umoci unpack --image layout:x bundle', folder)
  bash(TREE, `${folder}/bundle/rootfs`)
  xattrs(`${folder}/bundle/rootfs`)
  bash('umoci repack --refresh-bundle --image layout:x bundle', folder)
  bash(CHANGES, `${folder}/bundle/rootfs`)
  bash('umoci repack --refresh-bundle --image layout:x bundle', folder)
  bash('rm -r secret; rm plain/zilch; echo back > plain/empty; chmod 711 many', `${folder}/bundle/rootfs`)
  bash('umoci repack --image layout:x bundle', folder)
  assert.deepEqual(await compareWithUmoci(`${folder}/layout`, 'x', folder), [])
})

test('umoci and GNU tar: the formats', { skip: requires('root', 'umoci') }, async (t) => {
  const folder = scratch(t)
  bash('mkdir tree', folder)
  bash(TREE, `${folder}/tree`)
  xattrs(`${folder}/tree`)
  const layer = (options: string, layout: string): void => {
    bash(
      `rm -rf layer.tar ${layout}; umoci init --layout ${layout}; umoci new --image ${layout}:x
       tar -C tree ${options} --numeric-owner -cf layer.tar .; umoci raw add-layer --image ${layout}:x layer.tar`,
      folder,
    )
  }
  for (const [options, known] of [
    ['--format=gnu --sparse', '--format=gnu'],
    ['--format=oldgnu --sparse', '--format=oldgnu'],
    // umoci takes all of these itself
    ['--format=gnu'],
    ['--format=pax --xattrs --xattrs-include=* --sparse --sparse-version=0.0'],
    ['--format=pax --xattrs --xattrs-include=* --sparse --sparse-version=0.1'],
    ['--format=pax --xattrs --xattrs-include=* --sparse --sparse-version=1.0 --acls'],
  ] as const) {
    layer(options, 'ours')
    layer(known ?? options, 'theirs')
    assert.deepEqual(await compareWithUmoci(`${folder}/ours`, 'x', folder, { rootTime: true, reference: `${folder}/theirs` }), [], options)
  }
})

test('umoci: layers that lean on those below', { skip: requires('root', 'umoci') }, async (t) => {
  const folder = scratch(t)
  const layers = [
    archive(
      dir('./', { mode: 0o711, uid: 3, mtime: 1 }),
      dir('tmp', { mode: 0o1777, mtime: 2 }),
      dir('usr', { mtime: 3 }),
      dir('usr/lib', { mode: 0o2750, gid: 7, mtime: 4 }),
      symlink('lib', 'usr/lib'),
      symlink('abs', '/usr/lib'),
      dir('etc', { mtime: 5 }),
      file('etc/conf', 'below', { mode: 0o640, uid: 11, mtime: 6 }),
      pax({ 'SCHILY.xattr.user.k': 'v' }),
      dir('etc/sub', { mode: 0o700, mtime: 7 }),
      file('etc/sub/x', 'x', { mtime: 8 }),
      file('etc/sub/y', 'y', { mtime: 8 }),
      dir('opaque', { mtime: 9 }),
      file('opaque/hidden', 'x', { mtime: 9 }),
      dir('swap', { mtime: 9 }),
      file('swap/hidden', 'x', { mtime: 9 }),
      header({ name: 'etc/null', type: '3', major: 1, minor: 3, mode: 0o666 }),
      symlink('etc/link', 'conf'),
    ),
    archive(
      file('tmp/f', 'f', { mtime: 10 }),
      file('lib/one', '1', { mtime: 11 }),
      file('abs/two', '2', { mtime: 11 }),
      file('etc/sub/z', 'z', { mtime: 12 }),
      file('opaque/.wh..wh..opq'),
      file('opaque/seen', 's', { mtime: 13 }),
    ),
    archive(
      hardlink('etc/again', 'etc/conf'),
      hardlink('tmp/thrice', 'etc/again'),
      hardlink('etc/sub/dev', 'etc/null'),
      hardlink('tmp/sym', 'etc/link'),
      hardlink('tmp/through', 'lib/one'),
      file('.wh.swap'),
      dir('swap', { mtime: 14 }),
      file('swap/seen', 's', { mtime: 14 }),
      file('etc/sub/.wh.y'),
    ),
  ]
  bash('umoci init --layout layout; umoci new --image layout:x', folder)
  for (const [index, layer] of layers.entries()) {
    writeFileSync(`${folder}/layer${index}.tar`, layer)
    bash(`umoci raw add-layer --image layout:x layer${index}.tar`, folder)
    assert.deepEqual(await compareWithUmoci(`${folder}/layout`, 'x', folder), [], `with layer ${index}`)
  }
})

test('skopeo: gzip and zstd', { skip: requires('root', 'umoci', 'skopeo') }, async (t) => {
  const folder = scratch(t)
  bash('umoci init --layout layout; umoci new --image layout:x; umoci unpack --image layout:x bundle', folder)
  bash(TREE, `${folder}/bundle/rootfs`)
  xattrs(`${folder}/bundle/rootfs`)
  bash('umoci repack --refresh-bundle --image layout:x bundle', folder)
  bash(CHANGES, `${folder}/bundle/rootfs`)
  bash('umoci repack --image layout:x bundle', folder)
  const copy = 'skopeo --insecure-policy copy -q'
  bash(
    `${copy} --dest-compress-format gzip --dest-compress oci:layout:x oci:gzip:x
     ${copy} --dest-decompress oci:layout:x dir:plain; ${copy} --dest-compress-format zstd --dest-compress dir:plain oci:zstd:x`,
    folder,
  )
  for (const [layout, type] of Object.entries({ gzip: 'tar+gzip', zstd: 'tar+zstd' })) {
    assert.deepEqual(mediaTypesOf(`${folder}/${layout}`), [`application/vnd.oci.image.layer.v1.${type}`])
    assert.deepEqual(await compareWithUmoci(`${folder}/${layout}`, 'x', folder, { reference: `${folder}/layout` }), [], layout)
  }
})

test('buildah: two commits', { skip: requires('root', 'umoci', 'buildah') }, async (t) => {
  const folder = scratch(t)
  const storage = `--root ${folder}/storage --runroot ${folder}/run --storage-driver vfs`
  bash('mkdir tree more', folder)
  bash(TREE, `${folder}/tree`)
  xattrs(`${folder}/tree`)
  bash(
    `b="buildah ${storage}"
     c=$($b from scratch); m=$($b mount $c); cp -a tree/. $m/; $b commit -q $c first >/dev/null
     d=$($b from first); m=$($b mount $d); (cd $m; ${CHANGES.trim().split('\n').join('; ')}); $b commit -q $d second >/dev/null
     $b push -q second oci:${folder}/layout:x; $b rm -a >/dev/null; $b rmi -a -f >/dev/null`,
    folder,
  )
  assert.deepEqual(await compareWithUmoci(`${folder}/layout`, 'x', folder), [])
})
