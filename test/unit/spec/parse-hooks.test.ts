import { HOOK_NAMES } from '../../../runtime/spec/parse-hooks.ts'
import { accepts, refuses } from './table.ts'

const hook = (fields: object) => ({ path: '/bin/true', ...fields })

refuses([
  ['hooks', { prestart: hook({}) }, 'hooks.prestart', 'must be a list'],
  ['hooks', { prestart: ['/bin/true'] }, 'hooks.prestart[0]', 'must be an object'],
  ...HOOK_NAMES.map(
    (name) => ['hooks', { [name]: [hook({}), { path: 'true' }] }, `hooks.${name}[1].path`, 'must be an absolute path'] as const,
  ),
  ['hooks', { poststop: [{}] }, 'hooks.poststop[0].path', 'is missing'],
  ['hooks', { poststop: [hook({ path: '/a\0' })] }, 'hooks.poststop[0].path', 'NUL'],
  ['hooks', { poststop: [hook({ args: 'a' })] }, 'hooks.poststop[0].args', 'must be a list'],
  ['hooks', { poststop: [hook({ args: ['a', 7] })] }, 'hooks.poststop[0].args[1]', 'must be a string'],
  ['hooks', { poststop: [hook({ args: ['\0'] })] }, 'hooks.poststop[0].args[0]', 'NUL'],
  ['hooks', { poststop: [hook({ env: [1] })] }, 'hooks.poststop[0].env[0]', 'must be a string'],
  ['hooks', { poststop: [hook({ timeout: 0 })] }, 'hooks.poststop[0].timeout', 'from 1 to 2147483, is 0'],
  ['hooks', { poststop: [hook({ timeout: -1 })] }, 'hooks.poststop[0].timeout', 'from 1'],
  ['hooks', { poststop: [hook({ timeout: 1.5 })] }, 'hooks.poststop[0].timeout', 'whole number'],
  ['hooks', { poststop: [hook({ timeout: '5' })] }, 'hooks.poststop[0].timeout', 'whole number'],
])

accepts([
  ['hooks', {}, {}],
  ['hooks', { unknown: [7] }, {}],
  [
    'hooks',
    { createRuntime: [hook({ args: ['true', ''], env: [], timeout: 10 })] },
    { createRuntime: [hook({ args: ['true', ''], env: [], timeout: 10 })] },
  ],
  ['hooks', { poststart: null, poststop: [] }, { poststop: [] }],
])
