/** Errors of one folder of PATH that do not end the search, execvp(3). */
export const EXEC_LOOKUP_ERRORS = ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG', 'ESTALE', 'ENODEV', 'ETIMEDOUT'] as const
