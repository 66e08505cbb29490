/** Milliseconds that only go forward. `performance` costs three of them when it is first asked for. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6
