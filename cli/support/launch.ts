/** What the launcher (bin/) hands over in the environment, because Node would change or hide it. */

export interface Launch {
  /** What the user called: $0 of the launcher. */
  readonly program: string
  /** The soft RLIMIT_NOFILE before Node raised it. */
  readonly openFiles: number | undefined
  /** Descriptors that were open before Node opened its own; known only where some are to be passed on. */
  readonly descriptors: ReadonlySet<number> | undefined
  /** Variables that Node was not to see, back in their places. */
  readonly moved: readonly string[]
}

const MOVED = 'WHERRY_ENV_'

/** Reads the launcher’s variables and takes them out of `env`, with the caller’s own NODE_* variables back in their places. */
export const takeLaunch = (env: NodeJS.ProcessEnv, program: string): Launch => {
  const { WHERRY_ARGV0: name, WHERRY_NOFILE: openFiles, WHERRY_FDS: descriptors } = env
  const moved: string[] = []
  for (const key of Object.keys(env)) {
    if (!key.startsWith('WHERRY_')) continue
    if (key.startsWith(MOVED)) {
      moved.push(key.slice(MOVED.length))
      env[key.slice(MOVED.length)] = env[key]
    }
    if (key.startsWith(MOVED) || key === 'WHERRY_ARGV0' || key === 'WHERRY_NOFILE' || key === 'WHERRY_FDS') delete env[key]
  }
  return {
    program: name ?? program,
    openFiles: openFiles !== undefined && /^\d+$/.test(openFiles) ? Number(openFiles) : undefined,
    descriptors: descriptors === undefined ? undefined : new Set(descriptors.split(' ').filter(Boolean).map(Number)),
    moved,
  }
}

/** The environment as the launcher made it: for a program of ours in the place of this one. */
export const giveLaunch = (env: Readonly<NodeJS.ProcessEnv>, { program, openFiles, descriptors, moved }: Launch): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(env).map(([key, value]) => [moved.includes(key) ? `${MOVED}${key}` : key, value])),
  WHERRY_ARGV0: program,
  ...(openFiles === undefined ? {} : { WHERRY_NOFILE: String(openFiles) }),
  ...(descriptors === undefined ? {} : { WHERRY_FDS: [...descriptors].join(' ') }),
})
