/** Certificates for tests, made by openssl(1): an authority, a server of the loopback, a client. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  readonly authority: Certificate
  /** For 127.0.0.1, ::1 and localhost. */
  readonly server: Certificate
  /** For another host: registry.invalid. */
  readonly stranger: Certificate
  readonly client: Certificate
}

let made: Certificates | undefined

/** The same ones for each call in a process. */
export const certificates = (): Certificates => {
  if (made !== undefined) return made
  const folder = mkdtempSync(join(tmpdir(), 'wherry-certificates-'))
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const read = (name: string): Certificate => ({
    cert: readFileSync(join(folder, `${name}.crt`), 'utf8'),
    key: readFileSync(join(folder, `${name}.key`), 'utf8'),
  })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const issue = (name: string, extensions: string): void => {
    writeFileSync(join(folder, `${name}.ext`), extensions)
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=wherry test ${name}`)
    const signer = ['-CA', 'authority.crt', '-CAkey', 'authority.key', '-CAcreateserial']
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', '2', '-out', `${name}.crt`, '-extfile', `${name}.ext`)
  }
  try {
    openssl('req', '-x509', ...key, '-keyout', 'authority.key', '-out', 'authority.crt', '-days', '2', '-subj', '/CN=wherry test authority')
    issue('server', 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\n')
    issue('stranger', 'subjectAltName=DNS:registry.invalid\n')
    issue('client', 'extendedKeyUsage=clientAuth\n')
    made = { authority: read('authority'), server: read('server'), stranger: read('stranger'), client: read('client') }
    return made
  } finally {
    rmSync(folder, { recursive: true })
  }
}
