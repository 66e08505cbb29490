/** Sizes as docker writes them: `50M`, `1.5GiB`, `1024`; units are powers of 1024 in either case, a `b` or `ib` behind them may stay. */

const UNITS = 'kmgtp'

/** Bytes, undefined for what is no size. */
export const parseSize = (text: string): bigint | undefined => {
  const [, number, unit] = /^(\d+(?:\.\d*)?|\.\d+) ?(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text) ?? []
  if (number === undefined) return undefined
  const power = unit === undefined ? 0 : UNITS.indexOf(unit.toLowerCase()) + 1
  if (/^\d+$/.test(number)) return BigInt(number) * 1024n ** BigInt(power)
  return BigInt(Math.trunc(Number(number) * 1024 ** power))
}
