/** A header's port; undefined where it is none. */
export const parsePort = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^[0-9]{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port >= 1 && port <= 0xffff ? port : undefined
}

/** What a client is told over the error stream. */
export const problemOf = (error: unknown, port: number): Buffer =>
  Buffer.from(`error forwarding port ${port} to pod: ${error instanceof Error ? error.message : String(error)}`)
