//go:build ignore
/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Times the system calls of the observed processes. It runs at every system call of
 * every process of the host, so for the others it must be short: one look-up. */
#include "server.h"
#include "table.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* a place in servers, a number of a system call, and an error or 0 */
struct call {
	u32 at;
	u16 nr;
	u16 error;
};

/* Times by call, whose error is 0 there. The room is taken at once: a program can't
 * wait for more. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 2048);
	__type(key, struct call);
	__type(value, struct histogram);
} times SEC(".maps");

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 4096);
	__type(key, struct call);
	__type(value, u64);
} errors SEC(".maps");

/* the call that a thread is in */
struct entry {
	u64 began; /* 0: none that was seen to begin */
	u16 nr;
	u16 what;
};

struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct entry);
} entries SEC(".maps");

enum { OTHER, SYNC, FORK };

#define CLONE_VM 0x100

/* what a call is to the event loop */
INLINE u16 kind(long nr, struct pt_regs *regs)
{
	switch (nr) {
	case NR_FSYNC:
	case NR_FDATASYNC:
	case NR_MSYNC:
	case NR_SYNC_FILE_RANGE:
		return SYNC;
	case NR_CLONE: /* a thread shares the memory: nothing is copied */
		return ARG1(regs) & CLONE_VM ? OTHER : FORK;
#ifdef NR_FORK
	case NR_FORK:
	case NR_VFORK:
		return FORK;
#endif
	}
	return OTHER;
}

SEC("tp_btf/sys_enter")
int syscall_enter(u64 *ctx) /* struct pt_regs *regs, long id */
{
	struct task_struct *task;
	struct server *s;
	struct entry *e;
	u32 at;

	s = current_server(&at);
	if (!s)
		return 0;
	task = bpf_get_current_task_btf();
	e = bpf_task_storage_get(&entries, task, NULL, STORAGE_CREATE);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	e->nr = ctx[1];
	e->what = kind(ctx[1], (struct pt_regs *)ctx[0]);
	e->began = bpf_ktime_get_ns();
	if (task->pid == task->tgid)
		s->entered = e->began;
	return 0;
}

INLINE void count_error(struct call c, long ret)
{
	u64 one = 1, *n;

	c.error = -ret;
	n = bpf_map_lookup_elem(&errors, &c);
	if (n)
		__sync_fetch_and_add(n, 1);
	else if (bpf_map_update_elem(&errors, &c, &one, BPF_NOEXIST)) {
		/* another thread made it meanwhile, or there is no room */
		n = bpf_map_lookup_elem(&errors, &c);
		__sync_fetch_and_add(n ? n : (u64 *)&lost, 1);
	}
}

SEC("tp_btf/sys_exit")
int syscall_exit(u64 *ctx) /* struct pt_regs *regs, long ret */
{
	struct task_struct *task;
	struct server *s;
	struct entry *e;
	struct call c = {};
	long ret = ctx[1];
	u64 ns;

	s = current_server(&c.at);
	if (!s)
		return 0;
	task = bpf_get_current_task_btf();
	e = bpf_task_storage_get(&entries, task, NULL, 0);
	if (!e || !e->began)
		return 0;
	ns = bpf_ktime_get_ns() - e->began;
	e->began = 0;
	c.nr = e->nr;
	if (ret < 0 && ret >= -4095)
		count_error(c, ret);
	table_record(&times, &c, ns);
	if (task->pid == task->tgid) {
		s->entered = 0;
		if (e->what == SYNC)
			s->fsync += ns;
		else if (e->what == FORK)
			s->forked += ns;
	}
	return 0;
}
