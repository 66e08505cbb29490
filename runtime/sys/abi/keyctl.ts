/** Keyrings: linux/keyctl.h; keyctl(2), keyrings(7). */

export const KEYCTL_GET_KEYRING_ID = 0
export const KEYCTL_JOIN_SESSION_KEYRING = 1
export const KEYCTL_UPDATE = 2
export const KEYCTL_REVOKE = 3
export const KEYCTL_CHOWN = 4
export const KEYCTL_SETPERM = 5
export const KEYCTL_DESCRIBE = 6
export const KEYCTL_CLEAR = 7
export const KEYCTL_LINK = 8
export const KEYCTL_UNLINK = 9
export const KEYCTL_SEARCH = 10
export const KEYCTL_READ = 11
export const KEYCTL_SET_TIMEOUT = 15
export const KEYCTL_INVALIDATE = 21

export const KEY_SPEC_THREAD_KEYRING = -1
export const KEY_SPEC_PROCESS_KEYRING = -2
export const KEY_SPEC_SESSION_KEYRING = -3
export const KEY_SPEC_USER_KEYRING = -4
export const KEY_SPEC_USER_SESSION_KEYRING = -5
