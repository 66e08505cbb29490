import type { Sandbox } from '../state/types.ts'

/** The pods' networks, by CNI. */
export interface Networks {
  /** NetworkReady, with reason and message while it is not. */
  status(): { readonly ready: true } | { readonly ready: false; readonly reason: string; readonly message: string }
  /** ADD of the first configuration to the sandbox's network namespace; loopback by ourselves. Resolves to the pod's addresses. Undone if it fails. */
  add(sandbox: Sandbox, signal: AbortSignal): Promise<readonly string[]>
  /** DEL; idempotent; what fails is tried again for ever, also by the next server. */
  remove(sandbox: Pick<Sandbox, 'id'>): Promise<void>
  /** UpdateRuntimeConfig. */
  setPodCidr(cidr: string): Promise<void>
  close(): Promise<void>
}
