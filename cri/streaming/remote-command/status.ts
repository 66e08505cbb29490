/** How exec and attach ended, as their error stream tells it: metav1.Status, or from version 1 to 3 a text where it is a failure. */

export interface Status {
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: 'NonZeroExitCode' | 'InternalError'
  readonly details?: { readonly causes: readonly { readonly reason: 'ExitCode'; readonly message: string }[] }
  readonly code?: number
}

export const SUCCESS: Status = { status: 'Success' }

export const exited = (code: number): Status =>
  code === 0
    ? SUCCESS
    : {
        status: 'Failure',
        message: `command terminated with non-zero exit code: ${code}`,
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
      }

export const failed = (error: unknown, doing: string): Status => ({
  status: 'Failure',
  message: `Internal error occurred: ${doing}: ${error instanceof Error ? error.message : String(error)}`,
  reason: 'InternalError',
  code: 500,
})

/** What goes over the error stream. */
export const encodeStatus = (status: Status, json: boolean): Buffer =>
  Buffer.from(json ? JSON.stringify(status) : status.status === 'Success' ? '' : status.message!)
