/** runtime-spec 1.2, config-linux.md "Seccomp": system call filters in the words of libseccomp. */

export type LinuxSeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY'

export type LinuxSeccompOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ'

export type LinuxSeccompArch =
  | 'SCMP_ARCH_X86'
  | 'SCMP_ARCH_X86_64'
  | 'SCMP_ARCH_X32'
  | 'SCMP_ARCH_ARM'
  | 'SCMP_ARCH_AARCH64'
  | 'SCMP_ARCH_MIPS'
  | 'SCMP_ARCH_MIPS64'
  | 'SCMP_ARCH_MIPS64N32'
  | 'SCMP_ARCH_MIPSEL'
  | 'SCMP_ARCH_MIPSEL64'
  | 'SCMP_ARCH_MIPSEL64N32'
  | 'SCMP_ARCH_PPC'
  | 'SCMP_ARCH_PPC64'
  | 'SCMP_ARCH_PPC64LE'
  | 'SCMP_ARCH_S390'
  | 'SCMP_ARCH_S390X'
  | 'SCMP_ARCH_PARISC'
  | 'SCMP_ARCH_PARISC64'
  | 'SCMP_ARCH_RISCV64'
  | 'SCMP_ARCH_LOONGARCH64'
  | 'SCMP_ARCH_M68K'
  | 'SCMP_ARCH_SH'
  | 'SCMP_ARCH_SHEB'

/** SECCOMP_FILTER_FLAG_TSYNC is not in the spec; runc knows and ignores it, and profiles carry it. */
export type LinuxSeccompFlag =
  | 'SECCOMP_FILTER_FLAG_TSYNC'
  | 'SECCOMP_FILTER_FLAG_LOG'
  | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'
  | 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'

export interface LinuxSeccompArg {
  /** 0–5. */
  readonly index: number
  /** uint64. With SCMP_CMP_MASKED_EQ the mask. */
  readonly value: bigint
  /** uint64. With SCMP_CMP_MASKED_EQ what the masked argument must equal; otherwise unused. */
  readonly valueTwo?: bigint | undefined
  readonly op: LinuxSeccompOperator
}

export interface LinuxSyscall {
  /** At least one. A name the kernel or libseccomp does not know is passed over. */
  readonly names: readonly string[]
  readonly action: LinuxSeccompAction
  /** For SCMP_ACT_ERRNO the errno (default EPERM), for SCMP_ACT_TRACE the message. 0–65535. */
  readonly errnoRet?: number | undefined
  readonly args?: readonly LinuxSeccompArg[] | undefined
}

export interface LinuxSeccomp {
  readonly defaultAction: LinuxSeccompAction
  readonly defaultErrnoRet?: number | undefined
  readonly architectures?: readonly LinuxSeccompArch[] | undefined
  /** Absent is not the same as empty: absent means SECCOMP_FILTER_FLAG_SPEC_ALLOW where it is supported, as in runc. */
  readonly flags?: readonly LinuxSeccompFlag[] | undefined
  /** Path of the unix socket that gets the notify descriptor; present if SCMP_ACT_NOTIFY is used. */
  readonly listenerPath?: string | undefined
  readonly listenerMetadata?: string | undefined
  readonly syscalls?: readonly LinuxSyscall[] | undefined
}
