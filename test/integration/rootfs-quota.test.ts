/** The size of an upper folder, on a file system with project quotas: an image of ext4 mounted where nobody else sees it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { RootfsDescription } from '../../runtime/rootfs/types.ts'
import { inUserNamespace } from '../support/config.ts'
import { Layered } from '../support/layered.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox') || (spawnSync('mkfs.ext4', ['-V']).status === 0 ? false : 'requires mkfs.ext4 (e2fsprogs)')

const CONTAINER = join(import.meta.dirname, '../support/rootless-container.ts')
const QUOTA = import.meta.resolve('../../runtime/rootfs/quota.ts')
const MIB = 1024 * 1024
/** mount(8): the mount itself failed. */
const MOUNT_FAILED = 32

class Limited extends Layered {
  get disk(): string {
    return `${this.folder}/disk`
  }

  /** Runs it with an upper folder on the image; what it prints, and what `look` (a script) does behind it. Undefined where the kernel has no such quotas. */
  limited(size: number | undefined, look = ''): string | undefined {
    const { disk, folder, lowers } = this
    const description: RootfsDescription = { lowers, upper: `${disk}/upper`, work: `${disk}/work`, ...(size === undefined ? {} : { size }) }
    writeFileSync(`${folder}/rootfs.json`, JSON.stringify(description))
    this.box.write()
    const script = `modprobe -qa loop quota_v2 2> /dev/null; mount -o loop,prjquota "$0.img" "$0" || exit ${MOUNT_FAILED}; "$@"; ${look}`
    const command = [process.execPath, CONTAINER, 'here', folder, this.id]
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', 'bash', '-c', script, disk, ...command],
      { encoding: 'utf8', env: { ...process.env, DISK: disk, QUOTA } },
    )
    return status === MOUNT_FAILED ? undefined : stdout + stderr
  }
}

const limited = (t: TestContext, script: string, nested = false): Limited => {
  const box = new Limited(t, script, (config) => {
    if (nested) inUserNamespace(config)
  })
  mkdirSync(box.disk)
  writeFileSync(`${box.disk}.img`, '')
  truncateSync(`${box.disk}.img`, 64 * MIB)
  const made = spawnSync('mkfs.ext4', ['-q', '-O', 'quota,project', '-E', 'quotatype=prjquota', `${box.disk}.img`], { encoding: 'utf8' })
  assert.equal(made.status, 0, made.stderr)
  return box
}

const WITHOUT = 'requires a kernel with project quotas on ext4 (CONFIG_QFMT_V2) and loop devices'

for (const nested of [false, true])
  test(`what a container writes is limited${nested ? ', in a user namespace too' : ''}`, { skip }, (t) => {
    const script =
      'df -k / | tail -n 1 | awk "{ print \\$2 }"; dd if=/dev/zero of=/big bs=64k count=128 2>&1 | grep -i quota; rm /big; echo ok > /small && cat /small'
    const box = limited(t, script, nested)
    const look = `${process.execPath} --input-type=module -e 'const { sizeOf, unlimitSize } = await import(process.env.QUOTA); const upper = process.env.DISK + "/upper"; console.log(sizeOf(upper).limit); unlimitSize(upper); unlimitSize(upper); console.log(sizeOf(upper).limit)'`
    const said = box.limited(4 * MIB, look)
    if (said === undefined) return t.skip(WITHOUT)
    assert.equal(said, `4096\ndd: error writing '/big': Disk quota exceeded\nok\n${4 * MIB}\n0\n`)
    assert.match(box.limited(8 * MIB, look) ?? '', new RegExp(`^4096\n[^]*8192\n[^]*\n${8 * MIB}\n0\n$`)) // the spool has both
    return undefined
  })

test('two containers have limits of their own', { skip }, (t) => {
  const box = limited(t, 'dd if=/dev/zero of=/big bs=64k count=48 2>&1 | grep -ci quota; :')
  const open = import.meta.resolve('../../runtime/rootfs/open.ts')
  const program = `
    const { openRootfs } = await import(${JSON.stringify(open)})
    const { writeFileSync, mkdirSync } = await import('node:fs')
    for (const name of ['one', 'two']) {
      const folder = process.env.DISK + '/' + name
      mkdirSync(folder)
      const fd = await openRootfs({ lowers: ${JSON.stringify(box.lowers)}, upper: folder + '/upper', work: folder + '/work', size: ${4 * MIB} }, { folder })
      writeFileSync('/proc/self/fd/' + fd + '/big', Buffer.alloc(${3 * MIB}))
      console.log(name)
    }`
  const said = box.limited(4 * MIB, `${process.execPath} --input-type=module -e '${program.replaceAll("'", `'"'"'`)}'`)
  if (said === undefined) return t.skip(WITHOUT)
  assert.equal(said, '0\none\ntwo\n')
  return undefined
})
