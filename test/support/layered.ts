/** A bundle whose root filesystem is the lowest of some layers, run under a keeper with an overlay of them. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TestContext } from 'node:test'
import type { Kept } from '../../runtime/container/kept.ts'
import type { Engine } from '../../runtime/container/types.ts'
import type { Rootfs, RootfsDescription } from '../../runtime/rootfs/types.ts'
import { type Bundle, bundle } from './bundle.ts'
import { type Config, shell } from './config.ts'
import { createIn, finishIn, type Place } from './layered-run.ts'

export class Layered implements Place {
  readonly box: Bundle
  readonly id: string
  readonly folder: string
  readonly engine: Engine
  /** The lowest first. */
  readonly lowers: string[] = []

  constructor(t: TestContext, script: string, change: (config: Config, made: Bundle) => void = () => {}) {
    this.box = bundle(t, (config, made) => {
      config.process.args = shell(script)
      change(config, made)
    })
    this.id = this.box.id
    this.folder = this.box.folder
    this.engine = { root: this.box.root, systemdCgroup: false, warn: () => {} }
    mkdirSync(`${this.folder}/layers`)
    this.lowers.push(`${this.folder}/layers/0`)
    renameSync(this.box.rootfs, this.lowers[0]!)
    mkdirSync(this.box.rootfs) // which only names it
  }

  get upper(): string {
    return `${this.folder}/upper`
  }

  get work(): string {
    return `${this.folder}/work`
  }

  get description(): RootfsDescription {
    const { lowers, upper, work } = this
    return { lowers, upper, work }
  }

  /** Another layer on top, with these files. Returns its folder. */
  layer(files: Readonly<Record<string, string>> = {}): string {
    const path = `${this.folder}/layers/${this.lowers.length}`
    mkdirSync(path, { mode: 0o755 })
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(`${path}/${name}`), { recursive: true })
      writeFileSync(`${path}/${name}`, text)
    }
    this.lowers.push(path)
    return path
  }

  create(rootfs: Rootfs = this.description): Promise<Kept> {
    this.box.write()
    return createIn(this, rootfs)
  }

  async run(rootfs: Rootfs = this.description): Promise<string> {
    return finishIn(this, await this.create(rootfs))
  }
}
