//go:build ignore
/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Times when the threads of the observed processes did not run: asleep, by what for,
 * and runnable without a CPU. Watches their forks, and which pages they copy for it. */
#include "server.h"
#include "table.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* whether forks go to the sums of servers: not if tier syscalls does it */
const volatile u32 sum_forks;

/* why a thread did not run: the number of a system call, or */
enum reason {
	RUN_QUEUE = 1 << 16, /* it could have run, but had no CPU */
	NOT_IN_CALL, /* a page fault, mostly */
};

struct why {
	u32 at; /* place in servers */
	enum reason reason;
};

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024); /* all at once: there may be no memory to be had while threads switch */
	__type(key, struct why);
	__type(value, struct histogram);
} times SEC(".maps");

/* what a thread that does not run is about */
struct rest {
	u64 since; /* 0: it runs */
	u64 ready; /* since when it could run; 0: it can't */
	u64 copying; /* when it last began to make an address space */
	u32 child; /* that it is about to return from making, or 0 */
	u32 pad;
	enum reason reason;
	u32 idle; /* it waits for something to do */
};

struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rest);
} rests SEC(".maps");

struct fork {
	u64 began; /* CLOCK_MONOTONIC */
	u64 stall; /* of the parent */
	u64 ended; /* 0: the child lives */
	u64 copies; /* pages that the parent wrote to and had to copy */
	u32 at; /* place in servers */
	u32 pad;
};

/* by the child's process number */
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct fork);
} forks SEC(".maps");

/* the latest child of each place that lives, or 0 */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, u32);
	__type(value, u32);
} children SEC(".maps");

INLINE void count(u32 at, enum reason reason, u64 ns)
{
	struct why k = { .at = at, .reason = reason };

	table_record(&times, &k, ns);
}

/* whether a thread in a system call waits for something to do: any thread for
 * events, one beside the event loop for work that is left to it */
INLINE u32 is_idle(long nr, int main)
{
	switch (nr) {
#ifdef NR_EPOLL_WAIT
	case NR_EPOLL_WAIT:
	case NR_POLL:
	case NR_SELECT:
#endif
	case NR_EPOLL_PWAIT:
	case NR_EPOLL_PWAIT2:
	case NR_PPOLL:
	case NR_PSELECT6:
		return 1;
	case NR_FUTEX:
		return !main;
	}
	return 0;
}

INLINE int is_fork(long nr)
{
#ifdef NR_FORK
	if (nr == NR_FORK)
		return 1;
#endif
	return nr == NR_CLONE || nr == NR_CLONE3;
}

INLINE void leaves(struct task_struct *t, int can_run, u64 now)
{
	struct pt_regs *regs;
	struct rest *r;
	long nr;

	r = bpf_task_storage_get(&rests, t, NULL, STORAGE_CREATE);
	if (!r) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	regs = bpf_task_pt_regs(t);
	nr = (s32)SYSCALL(regs); /* below 0 in none */
	r->since = now;
	r->ready = can_run ? now : 0;
	r->idle = !can_run && is_idle(nr, t->pid == t->tgid);
	r->reason = nr < 0 ? NOT_IN_CALL : nr;
	if (!is_fork(nr))
		r->child = 0;
}

/* A thread that slept could run again from now on. */
INLINE void awakes(struct task_struct *t, struct server *s, u32 at, struct rest *r, u64 now)
{
	u64 slept = now - r->since;

	r->ready = now;
	if (!slept || r->idle)
		return;
	count(at, r->reason, slept);
	if (t->pid == t->tgid)
		s->blocked += slept;
}

INLINE void comes(struct task_struct *t, struct server *s, u32 at, u64 now)
{
	struct rest *r = bpf_task_storage_get(&rests, t, NULL, 0);
	struct fork *f;

	if (!r || !r->since)
		return;
	if (!r->ready)
		awakes(t, s, at, r, now);
	else
		count(at, RUN_QUEUE, now - r->ready);
	if (t->pid == t->tgid)
		s->run_queue += now - r->ready;
	if (r->child) { /* it took the CPU before its parent could return */
		u32 child = r->child;

		f = bpf_map_lookup_elem(&forks, &child);
		if (f)
			f->stall += now - r->since;
		if (sum_forks && t->pid == t->tgid)
			s->forked += now - r->since;
	}
	r->since = 0;
}

#define TASK_DEAD 0x80

SEC("tp_btf/sched_switch")
int offcpu_switch(u64 *ctx) /* bool preempt, struct task_struct *prev, *next, unsigned int prev_state */
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	u64 now = bpf_ktime_get_ns();
	struct server *s;
	u32 at;

	if (!(ctx[3] & TASK_DEAD) && server_of(prev->tgid, &at))
		leaves(prev, ctx[0] || !ctx[3], now);
	s = server_of(next->tgid, &at);
	if (s)
		comes(next, s, at, now);
	return 0;
}

/* Sleep is counted when it ends, not when the thread gets its CPU: of some switches the
 * kernel says nothing, and the time would be lost. */
SEC("tp_btf/sched_wakeup")
int offcpu_wakeup(u64 *ctx) /* struct task_struct *p */
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	struct server *s;
	struct rest *r;
	u32 at;

	s = server_of(t->tgid, &at);
	if (!s)
		return 0;
	r = bpf_task_storage_get(&rests, t, NULL, 0);
	if (r && r->since && !r->ready)
		awakes(t, s, at, r, bpf_ktime_get_ns());
	return 0;
}

/* The kernel makes per-CPU counters for a new address space just before it copies the
 * pages' tables to it, which is what a fork takes its time for. */
SEC("tp_btf/percpu_alloc_percpu")
int offcpu_copying(u64 *ctx)
{
	struct rest *r;
	u32 at;

	(void)ctx;
	if (!current_server(&at))
		return 0;
	r = bpf_task_storage_get(&rests, bpf_get_current_task_btf(), NULL, STORAGE_CREATE);
	if (r)
		r->copying = bpf_ktime_get_ns();
	return 0;
}

#define CLONE_VM 0x100

SEC("tp_btf/task_newtask")
int offcpu_fork(u64 *ctx) /* struct task_struct *child, u64 clone_flags */
{
	struct task_struct *child = (struct task_struct *)ctx[0];
	struct task_struct *task;
	struct fork f = {};
	struct rest *r;
	struct server *s;
	u64 now;
	u32 tgid;

	if (ctx[1] & CLONE_VM)
		return 0;
	s = current_server(&f.at);
	if (!s)
		return 0;
	now = bpf_ktime_get_ns();
	f.began = now;
	task = bpf_get_current_task_btf();
	r = bpf_task_storage_get(&rests, task, NULL, 0);
	if (r && r->copying) {
		f.began = r->copying;
		f.stall = now - r->copying;
		r->copying = 0;
	}
	if (sum_forks && task->pid == task->tgid)
		s->forked += f.stall;
	tgid = child->tgid;
	if (bpf_map_update_elem(&forks, &tgid, &f, BPF_ANY)) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	bpf_map_update_elem(&children, &f.at, &tgid, BPF_ANY);
	if (r)
		r->child = tgid;
	return 0;
}

SEC("tp_btf/sched_process_exit")
int offcpu_exit(u64 *ctx) /* struct task_struct *p */
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	u32 tgid = t->tgid, at, *child;
	struct fork *f;

	if (t->pid != t->tgid)
		return 0;
	f = bpf_map_lookup_elem(&forks, &tgid);
	if (!f || f->ended)
		return 0;
	f->ended = bpf_ktime_get_ns();
	at = f->at;
	child = bpf_map_lookup_elem(&children, &at);
	if (child && *child == tgid)
		*child = 0;
	return 0;
}

#define FAULT_PRESENT 1 /* the page is there, but may not be used so */
#define FAULT_WRITE 2

INLINE int fault(u64 error_code)
{
	u32 at, *child;
	struct fork *f;

	if ((error_code & (FAULT_PRESENT | FAULT_WRITE)) != (FAULT_PRESENT | FAULT_WRITE))
		return 0;
	if (!current_server(&at))
		return 0;
	child = bpf_map_lookup_elem(&children, &at);
	if (!child || !*child)
		return 0;
	f = bpf_map_lookup_elem(&forks, child);
	if (f)
		__sync_fetch_and_add(&f->copies, 1);
	return 0;
}

SEC("tp_btf/page_fault_user")
int offcpu_fault(u64 *ctx) /* unsigned long address, struct pt_regs *regs, unsigned long error_code */
{
	return fault(ctx[2]);
}

/* a system call writes to a page of the program's */
SEC("tp_btf/page_fault_kernel")
int offcpu_fault_in_call(u64 *ctx)
{
	return fault(ctx[2]);
}
