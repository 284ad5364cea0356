//go:build ignore
/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Times each call of Redis's own function call(), which runs one command, whatever
 * pipeline, transaction, script or encryption it came in. */
#include "server.h"
#include "table.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct command {
	u32 at; /* place in servers */
	u32 pad;
	u8 name[24]; /* as the client wrote it */
};

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__type(key, struct command);
	__type(value, struct histogram);
} times SEC(".maps");

/* Where a server's client structure has its member argv, which differs from one
 * release to the next. */
struct argv {
	u32 offset; /* 0: not known yet */
	u32 sure; /* it had a value when a command began */
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, u32);
	__type(value, struct argv);
} argvs SEC(".maps");

#define MAX_DEPTH 4 /* of commands in scripts in transactions */

struct frame {
	u64 began;
	u64 client;
	struct command command;
};

struct thread {
	u32 depth;
	u32 pad;
	struct frame frames[MAX_DEPTH];
};

struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

INLINE struct thread *this_thread(void)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, STORAGE_CREATE);
}

INLINE u64 user_word(u64 at)
{
	u64 word = 0;

	bpf_probe_read_user(&word, sizeof(word), (void *)at);
	return word;
}

#define OBJECT_PTR 8 /* of struct redisObject, in all releases */

/* Takes the command's name, argv[0]->ptr. */
INLINE void take_name(struct frame *f, u64 argv)
{
	bpf_probe_read_user_str(f->command.name, sizeof(f->command.name), (void *)user_word(user_word(argv) + OBJECT_PTR));
}

#define CLIENT_WORDS 64

/* slowlogPushEntryIfNeeded(client *c, robj **argv, int argc, long long duration), which
 * call() calls near its end: which member of the client has that value? */
SEC("uprobe/slowlog")
int deep_slowlog(struct pt_regs *ctx)
{
	struct thread *t;
	struct argv *a;
	u32 at, i, depth;

	if (!current_server(&at))
		return 0;
	a = bpf_map_lookup_elem(&argvs, &at);
	t = this_thread();
	if (!a || !t || a->sure)
		return 0;
	depth = t->depth - 1;
	if (depth < MAX_DEPTH && !t->frames[depth].command.name[0])
		take_name(&t->frames[depth], ARG2(ctx));
	for (i = 1; i < CLIENT_WORDS && !a->offset; i++)
		if (user_word(ARG1(ctx) + 8 * i) == ARG2(ctx))
			a->offset = 8 * i;
	return 0;
}

/* Takes the name of a command that begins. One that is rewritten while it runs has
 * its first arguments in another member then, which may be the one that the slow
 * log's look has found: that is empty when a command begins. */
INLINE void take_first_name(struct frame *f)
{
	u32 at = f->command.at;
	struct argv *a = bpf_map_lookup_elem(&argvs, &at);
	u64 argv;

	if (!a || !a->offset)
		return;
	argv = user_word(f->client + a->offset);
	if (!argv) {
		a->offset = 0;
		return;
	}
	a->sure = 1;
	take_name(f, argv);
}

/* call(client *c, int flags) */
SEC("uprobe/call")
int deep_call(struct pt_regs *ctx)
{
	struct frame *f;
	struct thread *t;
	u32 at, depth;

	if (!current_server(&at))
		return 0;
	t = this_thread();
	if (!t) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	depth = t->depth++;
	if (depth >= MAX_DEPTH)
		return 0;
	f = &t->frames[depth];
	__builtin_memset(&f->command, 0, sizeof(f->command));
	f->command.at = at;
	f->client = ARG1(ctx);
	take_first_name(f);
	f->began = bpf_ktime_get_ns();
	return 0;
}

SEC("uretprobe/call")
int deep_returned(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct frame *f;
	struct thread *t;
	u32 depth, at;

	(void)ctx;
	if (!current_server(&at))
		return 0;
	t = this_thread();
	if (!t || !t->depth) /* it had begun before */
		return 0;
	depth = --t->depth;
	if (depth >= MAX_DEPTH) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	f = &t->frames[depth];
	if (f->command.name[0])
		table_record(&times, &f->command, now - f->began);
	else
		__sync_fetch_and_add(&lost, 1);
	return 0;
}
