# The interpreter of a syscall program on x86-64.  rbx: the current op.  Offsets are those of op.ts; the ABI is syscall(2)'s.
# Assembled and compared with x64.ts by test/unit/program/loop.test.ts.
        .intel_syntax noprefix
        .globl  _start
_start: mov     ebx, 0x801000           # DATA (layout.ts): the first op
loop:   mov     rax, [rbx]              # number of the call; negative: compute
        mov     rdi, [rbx + 8]
        mov     rsi, [rbx + 16]
        mov     rdx, [rbx + 24]
        mov     r10, [rbx + 32]
        mov     r8,  [rbx + 40]
        mov     r9,  [rbx + 48]
        mov     ecx, [rbx + 92]         # bit n: argument n is the address of its value
        test    cl, 1
        jz      1f
        mov     rdi, [rdi]
1:      test    cl, 2
        jz      1f
        mov     rsi, [rsi]
1:      test    cl, 4
        jz      1f
        mov     rdx, [rdx]
1:      test    cl, 8
        jz      1f
        mov     r10, [r10]
1:      test    cl, 16
        jz      1f
        mov     r8, [r8]
1:      test    cl, 32
        jz      1f
        mov     r9, [r9]
1:      test    rax, rax
        js      compute
        syscall
store:  mov     rcx, [rbx + 56]         # where the result goes
        cmp     byte ptr [rbx + 88], 4  # its width in bytes
        je      1f
        mov     [rcx], rax
        jmp     2f
1:      mov     [rcx], eax
2:      test    rax, rax                # mov leaves the flags alone
        mov     rcx, [rbx + 64]         # next if > 0
        jg      go
        mov     rcx, [rbx + 72]         # next if 0
        je      go
        mov     rcx, [rbx + 80]         # next if < 0
go:     jrcxz   fail
        mov     rbx, rcx
        jmp     loop
compute:                                # ((value & mask) * factor) + addend + constant
        mov     rax, rdi
        and     rax, rsi
        imul    rax, rdx
        add     rax, r10
        add     rax, r8
        jmp     store
fail:   mov     rdx, rax                # the first failure of all processes of the program is kept
        xor     eax, eax
        mov     ecx, 0x200000           # PAGE (layout.ts)
        lock cmpxchg [rcx], rbx
        jne     1f
        mov     [rcx + 8], rdx
1:      mov     edi, 125
        mov     eax, 231                # exit_group
        syscall
