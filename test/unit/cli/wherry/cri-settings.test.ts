/** Settings that are one command's, and those that are lists. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { command } from '../../../../cli/wherry/cri.ts'
import { GLOBALS, SETTINGS, settingsOf } from '../../../../cli/wherry/settings.ts'

const from = (env: NodeJS.ProcessEnv, table: Readonly<Record<string, unknown>> = {}) =>
  settingsOf({}, env, async () => [{ path: '/etc/x.toml', table }])

describe('settings of wherry cri', () => {
  test('are flags of it, and of nothing else', () => {
    const names = Object.keys(SETTINGS).filter((name) => name.startsWith('cri.'))
    assert.deepEqual(
      Object.keys(command.flags),
      names.map((name) => name.slice('cri.'.length)),
    )
    for (const name of Object.keys(GLOBALS)) assert.ok(!name.startsWith('cri'), name)
  })

  test('come from variables and files, the variable first', async () => {
    const settings = await from(
      { WHERRY_CRI_CNI_PLUGINS: '/a,/b,', WHERRY_CRI_STREAM_PORT: '10010' },
      { cri: { cni_plugins: ['/c'], pinned_images: ['x', 'y,z'], restrict_oom_score_adj: true, stream_port: 1 } },
    )
    assert.deepEqual(settings['cri.cni-plugins'], ['/a', '/b'])
    assert.deepEqual(settings['cri.pinned-images'], ['x', 'y,z'], 'in files nothing parts them but the array')
    assert.equal(settings['cri.stream-port'], 10010)
    assert.equal(settings['cri.restrict-oom-score-adj'], true)
  })

  test('are checked', async () => {
    await assert.rejects(from({}, { cri: { pinned_images: 'x' } }), /\/etc\/x\.toml: cri\.pinned_images: "x" is not an array of texts/)
    await assert.rejects(from({}, { cri: { pinned_images: [1] } }), /is not an array of texts/)
    await assert.rejects(from({}, { cri: { cgroup_driver: 'none' } }), /is not one of cgroupfs, systemd/)
    await assert.rejects(from({}, { cri: { socket: 'relative' } }), /is not an absolute path/)
    await assert.rejects(from({}, { cri: { pined_images: [] } }), /did you mean cri\.pinned_images/)
  })
})
