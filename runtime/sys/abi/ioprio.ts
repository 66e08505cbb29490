/** I/O priorities: linux/ioprio.h; ioprio_set(2). */

/** Classes by the name that the runtime-spec's `process.ioPriority.class` uses. */
export const IOPRIO_CLASSES = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const

export type IoprioClass = keyof typeof IOPRIO_CLASSES

export const IOPRIO_CLASS_NONE = 0
export const IOPRIO_CLASS_SHIFT = 13
export const IOPRIO_NR_LEVELS = 8
export const IOPRIO_WHO_PROCESS = 1
export const IOPRIO_WHO_PGRP = 2
export const IOPRIO_WHO_USER = 3

/** IOPRIO_PRIO_VALUE: the third argument of ioprio_set. `level` is 0 (highest) to 7. */
export const ioprioValue = (name: IoprioClass, level: number): number => (IOPRIO_CLASSES[name] << IOPRIO_CLASS_SHIFT) | level
