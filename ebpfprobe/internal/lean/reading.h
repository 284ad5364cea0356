/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* One read of a server from a connection: the requests in it, counted. */
#ifndef CLEW_READING_H
#define CLEW_READING_H

#include "hold.h"

struct walk {
	struct resp_walk w; /* first: the reader's callbacks are given only it */
	struct reading *r;
	struct conn *c;
};

/* Puts n requests of a slot among those that wait for a reply. */
INLINE int add_part(struct conn *c, u32 slot, u32 n)
{
	for (u32 i = 0; i < BATCH; i++) {
		if (i >= c->parts) {
			c->part[i].slot = slot;
			c->part[i].n = n;
			c->parts = i + 1;
			return 1;
		}
		if (c->part[i].slot == slot) {
			c->part[i].n += n;
			return 1;
		}
	}
	return 0;
}

/* Counts the requests of one name that came in a row, and returns the name's
 * flags. */
GLOBAL u32 count_slot(u32 slot, struct reading *r, struct conn *c)
{
	struct server *s;
	struct info *i;

	if (!r || !c)
		return 0;
	i = bpf_map_lookup_elem(&infos, &slot);
	if (!i)
		return 0;
	__sync_fetch_and_add(&i->count, r->run_length);
	if (!add_part(c, slot, r->run_length)) {
		s = bpf_map_lookup_elem(&servers, &c->server);
		if (s)
			__sync_fetch_and_add(&s->lost_service, r->run_length);
	}
	if (c->waited)
		record(slot, PHASE_WAIT, r->wait, r->run_length);
	return i->flags;
}

/* The slot of the name that came in a row. Connections repeat themselves, which
 * saves most of the searches. */
GLOBAL u32 slot_of_run(struct reading *r, struct conn *c)
{
	struct slot_key k = {.kind = SLOT_COMMAND};

	if (!r || !c)
		return 0;
	if (c->slot && c->name[0] == r->run[0] && c->name[1] == r->run[1] && c->name[2] == r->run[2])
		return c->slot;
	k.server = c->server;
	k.name[0] = c->name[0] = r->run[0];
	k.name[1] = c->name[1] = r->run[1];
	k.name[2] = c->name[2] = r->run[2];
	c->slot = slot_of(&k);
	return c->slot;
}

GLOBAL int end_run(struct reading *r, struct conn *c)
{
	struct slot_key k = {.kind = SLOT_PREFIX};
	u32 flags;

	if (!r || !c || !r->run_length)
		return 0;
	flags = count_slot(slot_of_run(r, c), r, c);
	c->flags |= flags;
	if (flags & FLAG_BLOCKING)
		c->blocking = 1;
	if (by_prefix && r->prefix[0]) {
		k.server = c->server;
		k.name[0] = r->prefix[0];
		k.name[1] = r->prefix[1];
		k.name[2] = r->prefix[2];
		count_slot(slot_of(&k), r, c);
	}
	r->run_length = 0;
	return 0;
}

INLINE void resp_on_name(struct resp_walk *w)
{
	struct walk *k = (struct walk *)w;

	if (by_prefix) {
		end_run(k->r, k->c);
		k->r->prefix[0] = 0;
	}
}

/* The script that a batch runs first is the one that it is known by. */
INLINE void take_script(struct walk *k, u32 at, u32 have, u32 length)
{
	struct conn *c = k->c;
	struct script *to;

	if (c->script)
		return;
	if (HEAD(c->resp.name[0], 7) == WORD("EVALSHA\0")) {
		if (length != 40)
			return;
		for (u32 i = 0; i < 5; i++)
			((u64 *)c->sha)[i] = resp_word(&k->w, at + 8 * i);
		c->script = SCRIPT_SHA;
		return;
	}
	c->script = SCRIPT_LONG;
	to = bpf_map_lookup_elem(&scripts, &c->server);
	if (!to || have != length || length > SCRIPT || !length)
		return;
	to->length = length;
	if (bpf_probe_read_kernel(to->text, length, k->r->buf.b + (at & RESP_MASK)))
		return;
	c->script = SCRIPT_TEXT;
}

/* the key up to its first colon, if that is among the first bytes */
INLINE void take_prefix(struct walk *k, u32 at, u32 have)
{
	struct reading *r = k->r;
	u32 i;
	s32 n;

	for (i = 0; i < RESP_NAME; i++) {
		if (resp_byte(&k->w, at + i) == ':')
			break;
	}
	r->buf.behind = i;
	n = *(volatile u32 *)&r->buf.behind;
	if (n >= (s32)have || n >= RESP_NAME)
		return;
	r->prefix[0] = resp_head(resp_word(&k->w, at), n);
	r->prefix[1] = resp_head(resp_word(&k->w, at + 8), n - 8);
	r->prefix[2] = resp_head(resp_word(&k->w, at + 16), n - 16);
}

INLINE void resp_on_argument(struct resp_walk *w, u32 at, u32 have, u32 length)
{
	struct walk *k = (struct walk *)w;

	if (HEAD(k->c->resp.name[0], 4) == WORD("EVAL\0\0\0\0"))
		take_script(k, at, have, length);
	else if (by_prefix)
		take_prefix(k, at, have);
}

INLINE void resp_on_request(struct resp_walk *w)
{
	struct walk *k = (struct walk *)w;
	const u64 *name = k->c->resp.name;
	struct reading *r = k->r;

	if (name[0] != r->run[0] || name[1] != r->run[1] || name[2] != r->run[2]) {
		end_run(r, k->c);
		r->run[0] = name[0];
		r->run[1] = name[1];
		r->run[2] = name[2];
	}
	r->run_length++;
	r->total++;
}

static long walk_step(u32 step, struct walk *k)
{
	return resp_step(&k->w);
}

/* One chunk of the read: copied at once, which is cheaper than many small copies,
 * and walked over. */
static long read_chunk(u32 step, struct walk *k)
{
	struct resp *p = &k->c->resp;
	struct reading *r = k->r;
	u64 n = resp_plan(p, r->length, &r->at);

	if (!n)
		return 1;
	asm volatile("" : "+r"(n)); /* keep the compiler from proving what the verifier can't */
	if (n > RESP_CHUNK)
		n = RESP_CHUNK;
	resp_restore(&k->w);
	if (bpf_probe_read_user(r->buf.b + RESP_CARRY, n, (void *)(r->user + r->at))) {
		p->state = RESP_ADRIFT;
		return 1;
	}
	r->buf.end = RESP_CARRY + n;
	if (p->state == RESP_ADRIFT && (r->at || !resp_resync(&k->w, r->length)))
		return 1;
	r->at += n;
	bpf_loop(2 * RESP_CHUNK, walk_step, k, 0);
	return p->state == RESP_ADRIFT || p->state == RESP_TLS;
}

INLINE void begin_reading(struct reading *r, u32 length)
{
	r->length = length;
	r->at = 0;
	r->run[0] = 0;
	r->run_length = 0;
	r->total = 0;
}

/* Counts the requests in the bytes at r->user. */
INLINE void walk_read(struct reading *r, struct conn *c, struct server *s)
{
	struct walk k = {.r = r, .c = c};
	u32 resyncs = c->resp.resyncs;

	k.w.r = &c->resp;
	k.w.buf = &r->buf;
	if (!read_chunk(0, &k) && r->at < r->length)
		bpf_loop(65536, read_chunk, &k, 0);
	if (c->resp.resyncs != resyncs)
		__sync_fetch_and_add(&s->resyncs, 1);
}

INLINE void new_batch(struct conn *c)
{
	c->answered = 0;
	c->unfinished = 0;
	c->parts = 0;
	c->pending = 0;
	c->blocking = 0;
	c->script = 0;
	c->wait = 0;
}

/* What was read ends the wait of total requests. */
INLINE void end_reading(struct reading *r, struct conn *c, struct server *s, int loop)
{
	struct histogram *h;
	struct info *i;

	end_run(r, c);
	c->waiting = 0;
	if (!c->pending) {
		c->read = r->now;
		if (phases > PHASE_SERVICE + 1) {
			c->fsync = s->fsync;
			c->run_queue = s->run_queue;
			c->blocked = s->blocked;
		}
	}
	c->pending += r->total;
	if (r->wait > c->wait)
		c->wait = r->wait;
	h = bpf_map_lookup_elem(&sizes, &c->server);
	if (h)
		histogram_record(h, r->total, 1);
	if (by_client) {
		i = bpf_map_lookup_elem(&infos, &c->client);
		if (i)
			__sync_fetch_and_add(&i->count, r->total);
		if (c->waited)
			record(c->client, PHASE_WAIT, r->wait, r->total);
	}
	count_conn(c, s);
	if (loop && !s->threads)
		begin_hold(s, c, r->total, r->now);
	if (c->flags & FLAG_REPLICA)
		new_batch(c); /* no reply will come */
}

/* A look at the bytes of a reply costs as much as all else at its write, so only
 * those are looked at that are as long as errors are: OK, numbers, nil and long
 * values are not. */
#define ERROR_MIN 8
#define ERROR_MAX 512

INLINE int may_be_error(u32 length)
{
	return length >= ERROR_MIN && length <= ERROR_MAX;
}

/* whether a reply begins as errors do */
INLINE u8 says_error(u64 user, u32 length)
{
	u8 first = 0;

	return may_be_error(length) && !bpf_probe_read_user(&first, 1, (void *)user) && first == '-';
}

#endif
