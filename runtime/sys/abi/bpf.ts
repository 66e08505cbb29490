/** linux/bpf.h and linux/bpf_common.h: what the cgroup device programs need. */

/** Commands of bpf(2). */
export const BPF_PROG_LOAD = 5
export const BPF_PROG_ATTACH = 8
export const BPF_PROG_DETACH = 9
export const BPF_PROG_GET_FD_BY_ID = 13
export const BPF_PROG_QUERY = 16

/** enum bpf_prog_type */
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15

/** enum bpf_attach_type */
export const BPF_CGROUP_DEVICE = 6

/** attach_flags */
export const BPF_F_ALLOW_MULTI = 1 << 1
export const BPF_F_REPLACE = 1 << 2

/** Instruction classes and their modifiers, Documentation/bpf/standardization/instruction-set.rst. */
export const BPF_LDX = 0x01
export const BPF_ALU = 0x04
export const BPF_JMP = 0x05
export const BPF_JMP32 = 0x06
export const BPF_MEM = 0x60
export const BPF_W = 0x00
export const BPF_K = 0x00
export const BPF_X = 0x08
export const BPF_AND = 0x50
export const BPF_RSH = 0x70
export const BPF_MOV = 0xb0
export const BPF_JEQ = 0x10
export const BPF_JNE = 0x50
export const BPF_EXIT = 0x90

/** struct bpf_cgroup_dev_ctx { __u32 access_type (access << 16 | type), major, minor }. */
export const BPF_CGROUP_DEV_CTX = { access_type: 0, major: 4, minor: 8 } as const
export const BPF_DEVCG_DEV_BLOCK = 1
export const BPF_DEVCG_DEV_CHAR = 2
export const BPF_DEVCG_ACC_MKNOD = 1
export const BPF_DEVCG_ACC_READ = 2
export const BPF_DEVCG_ACC_WRITE = 4
