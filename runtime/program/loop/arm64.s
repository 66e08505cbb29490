# The interpreter of a syscall program on arm64.  x19: the current op.  Offsets are those of op.ts; the ABI is syscall(2)'s.
# Assembled and compared with arm64.ts by test/unit/program/loop.test.ts.
        .globl  _start
_start: movz    x19, #0x80, lsl #16     // DATA (layout.ts): the first op
        movk    x19, #0x1000
loop:   ldr     x8, [x19]               // number of the call; negative: compute
        ldp     x0, x1, [x19, #8]
        ldp     x2, x3, [x19, #24]
        ldp     x4, x5, [x19, #40]
        ldr     w9, [x19, #92]          // bit n: argument n is the address of its value
        tbz     w9, #0, 1f
        ldr     x0, [x0]
1:      tbz     w9, #1, 1f
        ldr     x1, [x1]
1:      tbz     w9, #2, 1f
        ldr     x2, [x2]
1:      tbz     w9, #3, 1f
        ldr     x3, [x3]
1:      tbz     w9, #4, 1f
        ldr     x4, [x4]
1:      tbz     w9, #5, 1f
        ldr     x5, [x5]
1:      tbnz    x8, #63, compute
        svc     #0
store:  ldr     x9, [x19, #56]          // where the result goes
        ldr     w10, [x19, #88]         // its width in bytes
        cmp     w10, #4
        b.eq    1f
        str     x0, [x9]
        b       2f
1:      str     w0, [x9]
2:      cmp     x0, #0
        ldr     x9, [x19, #64]          // next if > 0
        b.gt    go
        ldr     x9, [x19, #72]          // next if 0
        b.eq    go
        ldr     x9, [x19, #80]          // next if < 0
go:     cbz     x9, fail
        mov     x19, x9
        b       loop
compute:                                // ((value & mask) * factor) + addend + constant
        and     x0, x0, x1
        madd    x0, x0, x2, x3
        add     x0, x0, x4
        b       store
fail:   movz    x9, #0x20, lsl #16      // PAGE (layout.ts); the first failure of all processes of the program is kept
1:      ldaxr   x10, [x9]
        cbnz    x10, 2f
        stlxr   w11, x19, [x9]
        cbnz    w11, 1b
        str     x0, [x9, #8]
2:      mov     x0, #125
        mov     x8, #94                 // exit_group
        svc     #0
