//go:build ignore
/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/*
 * Reads the trace and span id that a Go program's goroutine carries as labels,
 * at the moment when it has written to a socket that leads to a watched port.
 */
#include "gowrites.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* How to get from a thread of a program to its goroutine's labels. */
struct go_process {
	s64 tls; /* of the current g, from the thread pointer */
	u32 g_m;
	u32 g_id;
	u32 g_labels;
	u32 m_curg;
	u32 unread; /* 1: not a Go program, or one that can't be read */
	u32 pad;
};

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 8192);
	__type(key, u32); /* thread group */
	__type(value, struct go_process);
} go_processes SEC(".maps");

/* Thread groups that write to a watched port and are not in go_processes. */
struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, 1 << 16);
} go_unknown SEC(".maps");

/* What became of the writes to watched ports. */
enum go_outcome {
	WRITE_NAMED,     /* in go_writes */
	WRITE_UNLABELED, /* the goroutine carries no trace id */
	WRITE_UNREAD,    /* the goroutine could not be read */
	WRITE_EARLY,     /* the process was not known yet */
	WRITE_FOREIGN,   /* of a process that can't be read */
	OUTCOMES,
};

struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, enum go_outcome);
	__type(value, u64);
} go_outcomes SEC(".maps");

/* One bit for each port that servers listen on. */
volatile u64 go_ports[1024];

INLINE int done(enum go_outcome outcome)
{
	u64 *n = bpf_map_lookup_elem(&go_outcomes, &outcome);

	if (n)
		*n += 1;
	return 0;
}

INLINE int user(void *to, u32 size, u64 from)
{
	return bpf_probe_read_user(to, size, (void *)from) == 0;
}

/* Go's string and the head of its slice. */
struct text {
	u64 ptr;
	u64 len;
};

struct label {
	struct text key;
	struct text value;
};

/*
 * What package propagate of this project puts behind a goroutine's labels, see
 * cell.go of internal/goproc.
 */
struct cell {
	struct text list;
	u64 list_cap;
	u64 self;
	u64 outer;
	struct label span, trace;
	char trace_id[32];
	char span_id[16];
	u8 ids[24];
	u64 live;
	u32 state;
	u8 zeros[2];
	u8 trace_flags;
	u8 pad;
};

_Static_assert(offsetof(struct cell, span) == 40, "list");
_Static_assert(offsetof(struct cell, trace_id) == 104, "hex");
_Static_assert(offsetof(struct cell, state) == 184, "state");

#define CELL_ENDED 1 /* in the state */
#define SAMPLED 1    /* in the trace flags */

/* Takes the ids from the cell at addr, if there is one: its labels are its own. */
INLINE int from_cell(u64 addr, struct go_write *w)
{
	struct cell c;

	if (!user(&c, sizeof(c), addr))
		return 0;
	if (c.self != addr || c.list.ptr != addr + offsetof(struct cell, span) ||
	    c.trace.value.ptr != addr + offsetof(struct cell, trace_id) || c.trace.value.len != 32 ||
	    c.span.value.ptr != addr + offsetof(struct cell, span_id) || c.span.value.len != 16)
		return 0;
	__builtin_memcpy(w->trace_id, c.trace_id, sizeof(w->trace_id));
	__builtin_memcpy(w->span_id, c.span_id, sizeof(w->span_id));
	if (c.state & CELL_ENDED)
		w->flags |= GO_WRITE_ENDED;
	if (!(c.trace_flags & SAMPLED))
		w->flags |= GO_WRITE_UNSAMPLED;
	return 1;
}

#define KEY(a, b, c, d, e, f, g, h)                                                                     \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 | \
	 (u64)(g) << 48 | (u64)(h) << 56)
#define KEY_TRACE KEY('t', 'r', 'a', 'c', 'e', '_', 'i', 'd')
#define KEY_SPAN KEY('s', 'p', 'a', 'n', '_', 'i', 'd', 0)
#define KEY_FLAGS KEY('t', 'r', 'a', 'c', 'e', '_', 'f', 'l') /* its first eight */
#define CELL_ZEROS 188

#define MAX_LABELS 32

/* Takes the ids from labels, whoever set them. */
INLINE int from_labels(struct text list, struct go_write *w)
{
	int found = 0;
	u32 i;

	for (i = 0; i < MAX_LABELS; i++) {
		struct label l;
		u64 key = 0;

		if (i >= list.len || !user(&l, sizeof(l), list.ptr + i * sizeof(l)))
			break;
		if (l.key.len == 8 && l.value.len == 32) {
			if (user(&key, 8, l.key.ptr) && key == KEY_TRACE)
				found = user(w->trace_id, sizeof(w->trace_id), l.value.ptr);
		} else if (l.key.len == 7 && l.value.len == 16) {
			if (user(&key, 7, l.key.ptr) && key == KEY_SPAN)
				user(w->span_id, sizeof(w->span_id), l.value.ptr);
		} else if (l.key.len == 11 && l.value.len == 2 && !found) {
			/* Stands for a cell that is not sampled among others' labels. */
			if (user(&key, 8, l.key.ptr) && key == KEY_FLAGS)
				found = from_cell(l.value.ptr - CELL_ZEROS, w);
		}
	}
	return found;
}

/* Finds the goroutine that the thread runs: on amd64 its address is in thread-local
 * storage, tls bytes from the base of FS; on arm64 in a register of Go's own. */
INLINE int current_g(s64 tls, u64 *g)
{
	struct task_struct *t = bpf_get_current_task_btf();
#if defined(__TARGET_ARCH_x86)
	return user(g, sizeof(*g), t->thread.fsbase + tls);
#else
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

	return bpf_probe_read_kernel(g, sizeof(*g), &regs->regs[28]) == 0 && !tls;
#endif
}

INLINE enum go_outcome read_ids(struct go_process *p, struct go_write *w)
{
	u64 g = 0, m = 0, back = 0, set = 0, self = 0;
	struct text list;

	/* The goroutine may run on another stack, or in C: then g is not its own. */
	if (!current_g(p->tls, &g) || !user(&m, sizeof(m), g + p->g_m) || !user(&g, sizeof(g), m + p->m_curg) ||
	    !user(&back, sizeof(back), g + p->g_m) || back != m || !user(&w->goroutine, sizeof(w->goroutine), g + p->g_id) ||
	    !user(&set, sizeof(set), g + p->g_labels))
		return WRITE_UNREAD;
	if (!set)
		return WRITE_UNLABELED;
	if (!user(&list, sizeof(list), set))
		return WRITE_UNREAD;
	/* Only a set of package propagate's has its list right behind itself. */
	if (list.ptr == set + offsetof(struct cell, span) &&
	    user(&self, sizeof(self), set + offsetof(struct cell, self)) && from_cell(self, w))
		return WRITE_NAMED;
	return from_labels(list, w) ? WRITE_NAMED : WRITE_UNLABELED;
}

SEC("tp_btf/sock_send_length")
int go_send(u64 *ctx) /* struct sock *sk, int ret, int flags */
{
	struct sock *sk = (struct sock *)ctx[0];
	int ret = ctx[1];
	u16 port = net16(sk->__sk_common.skc_dport);
	struct go_write_key k = {};
	struct go_write w = {};
	struct go_process *p;
	struct tcp_sock *tp;
	enum go_outcome outcome;
	u32 tgid;

	if (ret <= 0 || !(go_ports[port >> 6] >> (port & 63) & 1))
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	p = bpf_map_lookup_elem(&go_processes, &tgid);
	if (!p) {
		bpf_ringbuf_output(&go_unknown, &tgid, sizeof(tgid), 0);
		return done(WRITE_EARLY);
	}
	if (p->unread)
		return done(WRITE_FOREIGN);
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !tuple_of(sk, 0, &k.conn))
		return 0;
	outcome = read_ids(p, &w);
	if (outcome == WRITE_NAMED) {
		w.at_ns = bpf_ktime_get_ns();
		w.end = tp->write_seq;
		w.seq = w.end - ret;
		w.pid = tgid;
		k.seq = w.seq;
		bpf_map_update_elem(&go_writes, &k, &w, BPF_ANY);
		if (ret > GO_WRITE_LONG) {
			k.seq = 0;
			k.last = 1;
			bpf_map_update_elem(&go_writes, &k, &w, BPF_ANY);
		}
	}
	return done(outcome);
}

/* Process numbers are given anew, and exec puts another program into a process. */
SEC("tp_btf/sched_process_exit")
int go_exit(u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	u32 tgid = t->tgid;

	if (t->pid == t->tgid)
		bpf_map_delete_elem(&go_processes, &tgid);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int go_exec(u64 *ctx)
{
	struct task_struct *t = (struct task_struct *)ctx[0];
	u32 tgid = t->tgid;

	bpf_map_delete_elem(&go_processes, &tgid);
	return 0;
}
