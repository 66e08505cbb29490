import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from '../../../../image/archive/change.ts'

test('instructions of a Dockerfile', () => {
  const changes = [
    'CMD ["a", "b c"]',
    'entrypoint echo $HOME',
    'ENV A=1 B="2 3" C=\\"x',
    'ENV D all the rest',
    'ENV A=4',
    'LABEL one=1 "two words"=2',
    'EXPOSE 80 53/UDP 8000-8010',
    'EXPOSE 80/tcp',
    'VOLUME /a /b',
    'VOLUME ["/c d"]',
    'USER 1:2',
    'WORKDIR /srv',
    'WORKDIR sub',
    'STOPSIGNAL SIGINT',
    'ONBUILD RUN make',
    'HEALTHCHECK --interval=1m30s --retries=3 CMD curl localhost',
  ]
  assert.deepEqual(applyChanges({}, changes), {
    Cmd: ['a', 'b c'],
    Entrypoint: ['/bin/sh', '-c', 'echo $HOME'],
    Env: ['B=2 3', 'C="x', 'D=all the rest', 'A=4'],
    Labels: { one: '1', 'two words': '2' },
    ExposedPorts: ['80/tcp', '53/udp', '8000-8010/tcp'],
    Volumes: ['/a', '/b', '/c d'],
    User: '1:2',
    WorkingDir: '/srv/sub',
    StopSignal: 'SIGINT',
    OnBuild: ['RUN make'],
    Healthcheck: { Test: ['CMD-SHELL', 'curl localhost'], Interval: 90_000_000_000, Retries: 3 },
  })
  assert.deepEqual(applyChanges({}, ['SHELL ["/bin/bash", "-c"]', 'CMD x', 'HEALTHCHECK NONE']), {
    Shell: ['/bin/bash', '-c'],
    Cmd: ['/bin/bash', '-c', 'x'],
    Healthcheck: { Test: ['NONE'] },
  })
})

test('what is none names the change', () => {
  for (const [change, problem] of [
    ['FROM x', /^change "FROM x": an instruction with its argument is wanted: CMD, /],
    ['CMD', /an instruction with its argument is wanted/],
    ['ENV A', /NAME=VALUE is wanted/],
    ['ENV A=1 B', /"B" is not NAME=VALUE/],
    ['LABEL a="b', /the quote " is not closed/],
    ['EXPOSE http', /"http" is no port/],
    ['SHELL bash', /a JSON list is wanted/],
    ['HEALTHCHECK --interval=x CMD y', /"x" is no duration/],
    ['HEALTHCHECK y', /HEALTHCHECK NONE or/],
    ['__proto__ x', /an instruction/],
  ] as const)
    assert.throws(() => applyChanges({}, [change]), { kind: 'invalid-argument', message: problem }, change)
})
