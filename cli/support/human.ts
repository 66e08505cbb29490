/** Sizes and times as docker writes them (docker/go-units). */

const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'] as const
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'] as const

/** Go’s `%.Ng` for what is below 10^N: significant digits without zeros at the end. */
const significant = (value: number, digits: number): string => String(Number(value.toPrecision(digits)))

const scaled = (bytes: number, base: number, units: readonly string[], digits: number): string => {
  let value = bytes
  let unit = 0
  // what is rounded up to the base belongs to the next unit: 1MB, not 1e+03kB
  while (unit < units.length - 1 && Number(value.toPrecision(digits)) >= base) {
    value /= base
    unit++
  }
  return `${significant(value, digits)}${units[unit]}`
}

/** `7.8MB`: powers of 1000, three digits, as images are listed. */
export const humanSize = (bytes: number, digits = 3): string => scaled(bytes, 1000, DECIMAL, digits)

/** `7.438MiB`: powers of 1024, four digits, as memory is listed. */
export const humanMemory = (bytes: number): string => scaled(bytes, 1024, BINARY, 4)

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** `About an hour`, `2 weeks`: units.HumanDuration. Milliseconds; what lies ahead is now. */
export const humanDuration = (milliseconds: number): string => {
  const seconds = Math.floor(milliseconds / SECOND)
  const minutes = Math.floor(milliseconds / MINUTE)
  const hours = Math.floor(milliseconds / HOUR + 0.5)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`
  return `${Math.floor(milliseconds / HOUR / 24 / 365)} years`
}

export const humanAgo = (time: Date, now: Date): string => `${humanDuration(now.getTime() - time.getTime())} ago`

const two = (value: number): string => String(value).padStart(2, '0')

/** `2021-03-04 03:24:42 +0100 CET`, in local time: Go’s time.Time.String(). */
export const goTime = (time: Date): string => {
  const offset = -time.getTimezoneOffset()
  const sign = offset < 0 ? '-' : '+'
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
  const name = offset === 0 ? 'UTC' : /[A-Z]{2,5}$/.exec(time.toLocaleTimeString('en', { timeZoneName: 'short' }))?.[0]
  return `${date} ${clock} ${zone} ${name ?? zone}`
}
