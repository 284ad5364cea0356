/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* What the probe's programs use of the kernel, instead of a generated vmlinux.h
 * of three megabytes: helpers, map definitions, and of each structure the members
 * that are read. Where those really lie, the loader finds out from the BTF of the
 * kernel it runs on (CO-RE). */
#ifndef CLEW_KERNEL_H
#define CLEW_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
struct task_struct;
struct pt_regs;

#define INLINE static __attribute__((always_inline)) inline
/* a function that the verifier looks at once, and not anew from each caller */
#define GLOBAL __attribute__((noinline))
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)

#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

/* map types and flags, include/uapi/linux/bpf.h */
#define MAP_HASH 1
#define MAP_ARRAY 2
#define MAP_PERCPU_ARRAY 6
#define MAP_LRU_HASH 9
#define MAP_SK_STORAGE 24
#define MAP_RINGBUF 27
#define MAP_TASK_STORAGE 29
#define F_NO_PREALLOC 1
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define STORAGE_CREATE 1
#define RB_NO_WAKEUP 1
#define RB_FORCE_WAKEUP 2
#define RB_AVAIL_DATA 0

struct task_struct;
struct pt_regs;

/* helpers, by their number in include/uapi/linux/bpf.h */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_prandom_u32)(void) = (void *)7;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static void *(*const bpf_sk_storage_get)(void *map, void *sk, void *value, u64 flags) = (void *)107;
static long (*const bpf_probe_read_user)(void *dst, u32 size, const void *src) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*const bpf_probe_read_user_str)(void *dst, u32 size, const void *src) = (void *)114;
static long (*const bpf_ringbuf_output)(void *rb, void *data, u64 size, u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *rb, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void (*const bpf_ringbuf_discard)(void *data, u64 flags) = (void *)133;
static u64 (*const bpf_ringbuf_query)(void *rb, u64 what) = (void *)134;
static struct tcp_sock *(*const bpf_skc_to_tcp_sock)(void *sk) = (void *)137;
static void *(*const bpf_task_storage_get)(void *map, void *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static struct pt_regs *(*const bpf_task_pt_regs)(struct task_struct *task) = (void *)175;
static long (*const bpf_loop)(u32 times, void *callback, void *ctx, u64 flags) = (void *)181;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		u8 u6_addr8[16];
	} in6_u;
};

struct ns_common {
	u32 inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	union {
		struct {
			u32 skc_daddr;
			u32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			u16 skc_dport; /* network order */
			u16 skc_num;   /* host order */
		};
	};
	u16 skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
};

struct tcp_sock {
	u32 copied_seq; /* of the first byte that was not read yet */
	u32 write_seq;  /* of the first byte that was not written yet */
};

#if defined(__TARGET_ARCH_x86)
struct thread_struct {
	unsigned long fsbase;
};
#else
struct thread_struct {
};
#endif

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct thread_struct thread;
	unsigned long nvcsw; /* voluntary context switches */
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long ax;
	unsigned long si;
	unsigned long dx;
	unsigned long di;
	unsigned long orig_ax;
};
#define ARG1(r) ((r)->di)
#define ARG2(r) ((r)->si)
#define ARG3(r) ((r)->dx)
#define SYSCALL(r) ((r)->orig_ax)
#define RETURNED(r) ((r)->ax)
#define NR_READ 0
#define NR_WRITE 1
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_FSYNC 74
#define NR_FDATASYNC 75
#define NR_MSYNC 26
#define NR_SYNC_FILE_RANGE 277
#define NR_CLONE 56
#define NR_FORK 57
#define NR_VFORK 58
#define NR_FUTEX 202
#define NR_POLL 7
#define NR_SELECT 23
#define NR_EPOLL_WAIT 232
#define NR_PSELECT6 270
#define NR_PPOLL 271
#define NR_EPOLL_PWAIT 281
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	u64 regs[31];
};
struct pt_regs {
	union {
		struct {
			u64 regs[31];
		};
	};
	s32 syscallno;
};
#define ARG1(r) ((r)->regs[0])
#define ARG2(r) ((r)->regs[1])
#define ARG3(r) ((r)->regs[2])
#define SYSCALL(r) ((r)->syscallno)
#define RETURNED(r) ((r)->regs[0])
#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#define NR_FSYNC 82
#define NR_FDATASYNC 83
#define NR_MSYNC 227
#define NR_SYNC_FILE_RANGE 84
#define NR_CLONE 220
#define NR_FUTEX 98
#define NR_PSELECT6 72
#define NR_PPOLL 73
#define NR_EPOLL_PWAIT 22
#else
#error "no such target"
#endif
#define NR_CLONE3 435
#define NR_EPOLL_PWAIT2 441

#pragma clang attribute pop

/* user space's own structures: nothing to relocate */
struct iovec {
	u64 base;
	u64 len;
};

struct user_msghdr {
	u64 name;
	u64 namelen;
	u64 iov;
	u64 iovlen;
};

/* between the network's order of bytes and the host's, which is little-endian */
#define net16(v) ((u16)((u16)(v) << 8 | (u16)(v) >> 8))

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define TCP_ESTABLISHED 1
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define MSG_PEEK 2

#endif
