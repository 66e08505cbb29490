/**
 * Credential helpers: programs `docker-credential-NAME` that keep credentials elsewhere, spoken to by stdin and stdout (docker’s
 * credential-helpers protocol). Run without a shell, within a time, and heard only so far.
 */
import { spawn } from 'node:child_process'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { printable } from '../spec/printable.ts'
import { parseHelperName } from './auth-keys.ts'
import type { StoredCredentials } from './credentials-type.ts'
import { Secret, withoutSecrets } from './secret.ts'

export interface HelperOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  /** Milliseconds. */
  readonly timeout?: number
}

const TIMEOUT = 30_000
/** Bytes of an answer. */
const LARGEST = 64 * 1024
const SHOWN = 200
/** The user name of an entry that is an identity token. */
const TOKEN = '<token>'
const NOT_FOUND = /credentials not found|no usernames for|not found in native keychain/i

const program = (name: string): string => `docker-credential-${parseHelperName(name, 'credential helper')}`

interface Answer {
  readonly status: number | null
  readonly output: string
}

/** Why it has no exit status that means anything. */
type Failure = 'missing' | 'forbidden' | 'failed' | 'late' | 'cancelled' | 'large'

const MESSAGES: Readonly<Record<Failure, (file: string, seconds: number) => WherryError>> = {
  missing: (file) => new WherryError('not-found', `${file} is not on PATH; install it, or take it out of the auth file`),
  forbidden: (file) => new WherryError('permission-denied', `${file} cannot be executed`),
  failed: (file) => new WherryError('unavailable', `${file} could not be started`),
  late: (file, seconds) => new WherryError('deadline-exceeded', `${file} did not answer within ${seconds} s and was ended`),
  cancelled: (file) => new WherryError('cancelled', `${file} was ended`),
  large: (file) => new WherryError('resource-exhausted', `${file} answered with more than ${LARGEST} bytes and was ended`),
}

const run = (name: string, action: string, input: string, options: HelperOptions): Promise<Answer> => {
  const file = program(name)
  const timeout = options.timeout ?? TIMEOUT
  return new Promise((resolve, reject) => {
    let failure: Failure | undefined
    const child = spawn(file, [action], { stdio: ['pipe', 'pipe', 'ignore'], env: { ...(options.env ?? process.env) }, shell: false })
    // out of descriptors or processes: it comes without pipes
    if (child.stdout === undefined || child.stdin === undefined) {
      child.on('error', () => reject(MESSAGES.failed(file, 0)))
      return
    }
    const stop = (why: Failure): void => {
      failure ??= why
      child.kill('SIGKILL')
      // a grandchild may hold it open
      child.stdout.destroy()
    }
    const timer = setTimeout(stop, timeout, 'late')
    const abort = (): void => stop('cancelled')
    options.signal?.addEventListener('abort', abort)
    if (options.signal?.aborted === true) abort()
    const chunks: Buffer[] = []
    let length = 0
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > LARGEST) stop('large')
      else chunks.push(chunk)
    })
    // it may end without having read everything; its exit status tells more
    child.stdin.on('error', () => undefined)
    child.on('error', (error) => {
      failure ??= isErrno(error, 'ENOENT') ? 'missing' : isErrno(error, 'EACCES') ? 'forbidden' : 'failed'
    })
    child.on('close', (status) => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', abort)
      if (failure !== undefined) reject(MESSAGES[failure](file, timeout / 1000))
      else resolve({ status, output: Buffer.concat(chunks).toString('utf8').trim() })
    })
    child.stdin.end(input)
  })
}

const failed = (name: string, action: string, server: string, { status, output }: Answer, secrets: readonly Secret[] = []): WherryError => {
  // an object is what `get` answers with when all is well: not for showing
  const said = output.includes('{') ? '' : printable(withoutSecrets(output, secrets)).slice(0, SHOWN)
  const how = status === null ? 'was killed' : `failed with status ${status}`
  return new WherryError('unavailable', `${program(name)} ${action} for ${server} ${how}${said === '' ? '' : `: ${said}`}`)
}

/** Undefined if the helper has none for the server. */
export const getFromHelper = async (name: string, server: string, options: HelperOptions = {}): Promise<StoredCredentials | undefined> => {
  const answer = await run(name, 'get', `${server}\n`, options)
  if (answer.status !== 0) {
    if (NOT_FOUND.test(answer.output)) return undefined
    throw failed(name, 'get', server, answer)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(answer.output)
  } catch {
    // without the cause, whose message quotes the answer
    throw new WherryError('invalid-argument', `${program(name)} get for ${server}: the answer is not JSON`)
  }
  const { Username: username, Secret: secret } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw new WherryError('invalid-argument', `${program(name)} get for ${server}: the answer has no Username and Secret`)
  if (username === '' && secret === '') return undefined
  const from = program(name)
  return username === TOKEN
    ? { kind: 'identity-token', username: '', secret: new Secret(secret), from }
    : { kind: 'password', username, secret: new Secret(secret), from }
}

/** Throws where the helper fails. */
export const storeInHelper = async (
  name: string,
  server: string,
  { kind, username, secret }: Omit<StoredCredentials, 'from'>,
  options: HelperOptions = {},
): Promise<void> => {
  const input = JSON.stringify({ ServerURL: server, Username: kind === 'password' ? username : TOKEN, Secret: secret.reveal() })
  const answer = await run(name, 'store', input, options)
  if (answer.status !== 0) throw failed(name, 'store', server, answer, [secret])
}

/** False if there was nothing to erase. */
export const eraseFromHelper = async (name: string, server: string, options: HelperOptions = {}): Promise<boolean> => {
  const answer = await run(name, 'erase', `${server}\n`, options)
  if (answer.status === 0) return true
  if (NOT_FOUND.test(answer.output)) return false
  throw failed(name, 'erase', server, answer)
}
