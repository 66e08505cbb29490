/** Private memory of the process that watches a container, while the container writes as fast as it can. Peers: conmon 336 KiB, containerd's shim 2.4 MiB. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKept } from '../../runtime/container/kept.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { start } from '../../runtime/container/start.ts'
import { LOG_DEFAULTS } from '../../runtime/keeper/options.ts'
import { sleep } from '../../runtime/sleep.ts'
import { defaultSpec } from '../../runtime/spec/default.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'

const work = mkdtempSync(join(tmpdir(), 'wherry-bench-'))
const id = `bench-${process.pid}`
const folders = { run: join(work, 'run'), spool: join(work, 'spool') }
const engine = { root: join(work, 'state'), systemdCgroup: false, warn: () => {} }

/** KiB of the fields of smaps_rollup, proc_pid_smaps(5). */
const memory = (pid: number, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])

try {
  for (const folder of ['rootfs/bin', 'rootfs/proc', 'rootfs/dev', 'rootfs/sys', 'run', 'spool'])
    mkdirSync(join(work, folder), { recursive: true, mode: 0o700 })
  cpSync('/bin/busybox', join(work, 'rootfs/bin/busybox'))
  const spec = defaultSpec({ rootless: undefined, cgroupNamespace: false })
  const config = { ...spec, process: { ...spec.process, terminal: false, rlimits: [], args: ['/bin/busybox', 'yes'] } }
  writeFileSync(join(work, 'config.json'), stringifyJson(config))
  const { record, keeper: kept } = await createKept(
    engine,
    { id, bundle: work, noPivot: false, noNewKeyring: false, preserveFds: 0 },
    { ...folders, log: LOG_DEFAULTS, durable: false, stdin: 'none', terminal: false },
  )
  await start(engine, id)
  await sleep(1000)
  const keeper = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${record.init!.pid}/status`, 'utf8'))?.[1])
  const [clean, dirty, pss] = ['Private_Clean', 'Private_Dirty', 'Pss'].map((field) => memory(keeper, field))
  console.log(`\nkeeper while it pumps: ${clean! + dirty!} KiB private, ${pss} KiB Pss (budget: 64 KiB private)`)
  await deleteContainer(engine, id, { force: true })
  await kept.ended()
  kept.acknowledge()
} finally {
  await deleteContainer(engine, id, { force: true })
  rmSync(work, { recursive: true, force: true })
}
process.exit(0)
