/** What the launcher (bin/) hands over in the environment, because Node would change or hide it. */

export interface Launch {
  /** What the user called: $0 of the launcher. */
  readonly program: string
  /** The soft RLIMIT_NOFILE before Node raised it. */
  readonly openFiles: number | undefined
  /** Descriptors that were open before Node opened its own; known only where some are to be passed on. */
  readonly descriptors: ReadonlySet<number> | undefined
}

const MOVED = 'WHERRY_ENV_'

/** Reads the launcher’s variables and takes them out of `env`, with the caller’s own NODE_* variables back in their places. */
export const takeLaunch = (env: NodeJS.ProcessEnv, program: string): Launch => {
  const { WHERRY_ARGV0: name, WHERRY_NOFILE: openFiles, WHERRY_FDS: descriptors } = env
  for (const key of Object.keys(env)) {
    if (!key.startsWith('WHERRY_')) continue
    if (key.startsWith(MOVED)) env[key.slice(MOVED.length)] = env[key]
    if (key.startsWith(MOVED) || key === 'WHERRY_ARGV0' || key === 'WHERRY_NOFILE' || key === 'WHERRY_FDS') delete env[key]
  }
  return {
    program: name ?? program,
    openFiles: openFiles !== undefined && /^\d+$/.test(openFiles) ? Number(openFiles) : undefined,
    descriptors: descriptors === undefined ? undefined : new Set(descriptors.split(' ').filter(Boolean).map(Number)),
  }
}
