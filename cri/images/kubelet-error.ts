/**
 * Errors that kubelet knows by how their message begins, and only if they have no code of their own (UNKNOWN).
 * kubernetes: pkg/kubelet/images, k8s.io/cri-api/pkg/errors
 */
import { RegistryError } from '../../image/registry/failure.ts'
import { WherryError } from '../../runtime/errors.ts'
import { SaidError } from '../rpc/said-error.ts'

const KINDS = new Set(['unavailable', 'deadline-exceeded'])

const cameFromRegistry = (error: unknown): boolean =>
  error instanceof RegistryError || (error instanceof Error && error.cause !== undefined && cameFromRegistry(error.cause))

/** The registry does not answer, as kubelet wants to hear it: it says so in the pod’s status. */
export const forKubelet = (error: unknown): unknown =>
  error instanceof WherryError && KINDS.has(error.kind) && cameFromRegistry(error)
    ? new SaidError(`RegistryUnavailable: ${error.message}`, { cause: error })
    : error
