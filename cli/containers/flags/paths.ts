/** Paths in flags: of the machine and of the container. */
import { posix, resolve } from 'node:path'
import { bad, line, shown } from './bad.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/** Of a volume, as docker has it. */
export const isVolumeName = (text: string): boolean => NAME.test(text) && text.length <= 255

const PATH_MAX = 4096

const fits = (flag: string, path: string): string => {
  if (Buffer.byteLength(path) >= PATH_MAX) throw bad(flag, path, `is longer than the ${PATH_MAX - 1} bytes of a path`)
  return path
}

/** Where something is mounted in the container: absolute, without `..`, not the root itself. Links are for the kernel to resolve, beneath the root. */
export const target = (flag: string, path: string): string => {
  line(flag, path)
  if (!path.startsWith('/')) throw bad(flag, path, 'is not absolute: the path in the container is wanted')
  const clean = posix.normalize(path).replace(/(.)\/+$/, '$1')
  if (clean === '/') throw bad(flag, path, 'is the root of the container: name a folder below it')
  return fits(flag, clean)
}

/** A path of the machine; relative ones begin at `cwd`. */
export const hostPath = (flag: string, path: string, cwd: string): string => {
  line(flag, path)
  if (path === '') throw bad(flag, path, 'is no path')
  return fits(flag, resolve(cwd, path))
}

/** Whether -v means a path of the machine, and not a volume. */
export const isHostPath = (source: string): boolean =>
  source.startsWith('/') || source === '.' || source === '..' || /^\.\.?\//.test(source)

/** A folder below a volume or an image: relative, without `..`. */
export const subpath = (flag: string, path: string): string => {
  line(flag, path)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.startsWith('/') || parts.length === 0 || parts.includes('..'))
    throw bad(flag, path, 'is no folder below the volume: a relative path without .. is wanted')
  return fits(flag, parts.join('/'))
}

export const volumeName = (flag: string, name: string): string => {
  if (!isVolumeName(name))
    throw bad(
      flag,
      name,
      `is neither an absolute path nor the name of a volume (letters, digits, '_', '.' and '-', the first a letter or digit${name.includes('/') ? `; a relative path begins with ./: ${shown(`./${name}`)}` : ''})`,
    )
  return name
}
