/** Resolves after `ms` milliseconds. node:timers/promises would cost a millisecond to load. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
