/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Who holds the event loop: from the read of a batch of requests to the next read
 * or write of the same thread. */
#ifndef CLEW_HOLD_H
#define CLEW_HOLD_H

#include "conn.h"

INLINE int on_event_loop(const struct server *s)
{
	u64 id = bpf_get_current_pid_tgid();

	return (u32)id == (u32)(id >> 32) && (u32)id == s->tgid;
}

/* A server with several reading threads is known by the first read of another. */
INLINE void note_thread(struct server *s, int loop)
{
	if (!loop && !s->threads && s->tgid == bpf_get_current_pid_tgid() >> 32)
		s->threads = 1;
}

INLINE void send_script(u32 server)
{
	struct script *from = bpf_map_lookup_elem(&scripts, &server);
	struct event_script *e;

	if (!from)
		return;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return; /* the hold that follows is not handed over either, and counted */
	e->kind = EVENT_SCRIPT;
	e->server = server;
	bpf_probe_read_kernel(&e->script, sizeof(e->script), from);
	bpf_ringbuf_submit(e, SUBMIT);
}

GLOBAL int send_hold(u32 server, u64 now)
{
	struct server *s = bpf_map_lookup_elem(&servers, &server);
	struct hold *h;
	struct event *e;

	if (!s)
		return 0;
	h = &s->hold;
	if (h->script == SCRIPT_TEXT)
		send_script(server);
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&s->lost_events, 1);
		return 0;
	}
	e->kind = EVENT_HOLD;
	e->server = server;
	e->arrived = 0;
	e->read = h->start;
	e->end = now;
	e->fsync = s->fsync - h->fsync;
	e->forked = s->forked - h->forked;
	e->run_queue = s->run_queue - h->run_queue;
	e->blocked = s->blocked - h->blocked;
	e->from = h->from;
	e->size = h->size;
	e->parts = 1;
	e->part[0].slot = h->slot;
	e->part[0].n = h->size;
	e->script = h->script;
	e->error = 0;
	e->exemplar = 0;
	e->blocking = 0;
	__builtin_memcpy(e->sha, h->sha, sizeof(e->sha));
	e->length = 0;
	e->seq = h->seq;
	bpf_ringbuf_submit(e, SUBMIT);
	return 0;
}

/* The loop goes on, at the connection to. If it had gone to sleep and this is not
 * the reply to the batch, it had rather been done with that and idle: a blocked
 * client, a module's own thread, CLIENT REPLY OFF. */
INLINE void end_hold(struct server *s, struct conn *to, u64 now)
{
	struct hold *h = &s->hold;
	int own;

	if (!h->start)
		return;
	if (now - h->start >= hold_ns) {
		own = to->from.client_port == h->from.client_port && !h->blocking &&
		      *(u64 *)to->from.client == *(u64 *)h->from.client &&
		      *(u64 *)(to->from.client + 8) == *(u64 *)(h->from.client + 8);
		if (own || bpf_get_current_task_btf()->nvcsw == h->sleeps ||
		    s->fsync - h->fsync + s->forked - h->forked >= hold_ns)
			send_hold(to->server, now);
	}
	h->start = 0;
}

/* Where several threads read, what is executed when cannot be told from reads. */
INLINE void begin_hold(struct server *s, struct conn *c, u32 size, u64 now)
{
	struct hold *h = &s->hold;

	if (c->flags & FLAG_REPLICA)
		return;
	h->start = now;
	h->sleeps = bpf_get_current_task_btf()->nvcsw;
	if (phases > PHASE_SERVICE + 1) {
		h->fsync = s->fsync;
		h->forked = s->forked;
		h->run_queue = s->run_queue;
		h->blocked = s->blocked;
	}
	h->from = c->from;
	h->seq = c->seq;
	h->slot = c->part[0].slot;
	h->size = size;
	h->blocking = c->blocking;
	h->script = c->script;
	if (c->script == SCRIPT_SHA)
		__builtin_memcpy(h->sha, c->sha, sizeof(h->sha));
}

#endif
