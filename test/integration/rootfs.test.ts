/** Containers on overlays of layers: what is seen, what is written where, and what is left. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import { create } from '../../runtime/container/create.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { explain } from '../../runtime/container/explain.ts'
import { createKept } from '../../runtime/container/kept.ts'
import { start } from '../../runtime/container/start.ts'
import { LOG_DEFAULTS } from '../../runtime/keeper/options.ts'
import { SpoolReader } from '../../runtime/keeper/reader.ts'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import type { RootfsDescription } from '../../runtime/rootfs/types.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { type Config, inUserNamespace, shell } from '../support/config.ts'
import { mountTable } from '../support/leftovers.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

/** A bundle whose root filesystem is the lowest of some layers. */
class Layered {
  readonly box: Bundle
  readonly engine
  readonly lowers: string[] = []
  readonly upper: string
  readonly work: string

  constructor(t: TestContext, script: string, change: (config: Config, made: Bundle) => void = () => {}) {
    this.box = bundle(t, (config, made) => {
      config.process.args = shell(script)
      change(config, made)
    })
    const { folder } = this.box
    this.upper = `${folder}/upper`
    this.work = `${folder}/work`
    mkdirSync(`${folder}/layers`)
    renameSync(this.box.rootfs, `${folder}/layers/0`)
    this.lowers.push(`${folder}/layers/0`)
    mkdirSync(this.box.rootfs) // which only names it
    this.engine = { root: this.box.root, systemdCgroup: false, warn: () => {} }
  }

  /** Another layer on top, with these files. */
  layer(files: Readonly<Record<string, string>> = {}): string {
    const path = `${this.box.folder}/layers/${this.lowers.length}`
    mkdirSync(path, { mode: 0o755 })
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(`${path}/${name}`), { recursive: true })
      writeFileSync(`${path}/${name}`, text)
    }
    this.lowers.push(path)
    return path
  }

  get description(): RootfsDescription {
    const { lowers, upper, work } = this
    return { lowers, upper, work }
  }

  /** What it prints, run to its end under a keeper. */
  async run(rootfs: RootfsDescription | number = this.description): Promise<string> {
    this.box.write()
    const folders = { run: `${this.box.folder}/keeper`, spool: `${this.box.folder}/spool` }
    for (const folder of Object.values(folders)) mkdirSync(folder, { mode: 0o700, recursive: true })
    const kept = await createKept(
      this.engine,
      { id: this.box.id, bundle: this.box.folder, rootfs, noPivot: false, noNewKeyring: false, preserveFds: 0 },
      { ...folders, log: LOG_DEFAULTS, durable: false, stdin: 'none', terminal: false },
    )
    await start(this.engine, this.box.id)
    const record = await kept.keeper.ended()
    kept.keeper.acknowledge()
    await deleteContainer(this.engine, this.box.id, { force: false })
    let text = ''
    for await (const event of await SpoolReader.open(folders)) if (event.kind === 'record') text += event.payload.toString()
    assert.equal(record?.exitCode, 0, text)
    return text.trimEnd()
  }
}

test('layers are merged, and what is written is in the upper folder', { skip }, async (t) => {
  const box = new Layered(t, 'cat /etc/who /etc/low; rm /etc/low; echo new > /root/new; stat -c %a / /tmp')
  box.layer({ 'etc/who': 'second\n', 'etc/low': 'low\n' })
  chmodSync(box.layer({ 'etc/who': 'third\n' }), 0o751)
  assert.equal(await box.run(), 'third\nlow\n751\n1777')
  assert.equal(readFileSync(`${box.upper}/root/new`, 'utf8'), 'new\n')
  assert.ok(lstatSync(`${box.upper}/etc/low`).isCharacterDevice())
  assert.ok(existsSync(`${box.lowers[1]}/etc/low`))
})
