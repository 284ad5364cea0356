//go:build ignore

// SPDX-License-Identifier: (MIT OR GPL-2.0)
/* The lean tier: when the bytes of a request arrive in a server's socket, when the
 * server reads them and when it writes the reply, by three tracepoints of sockets.
 * All that it costs others is one look at each socket that something is done with. */
#include "tls.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* for bpf2go, which makes Go types of what it finds described in the object */
const struct event_text *event_text_in_go __attribute__((unused));
const struct event_script *event_script_in_go __attribute__((unused));

/* inet_sock_set_state(sk, from, to): a connection is made, or has ended */
SEC("tp_btf/inet_sock_set_state")
int connection_made(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct port_key k = {};
	struct server *s;
	u32 *server;

	if (with_tls && (int)ctx[2] == TCP_CLOSE)
		tls_closed(sk);
	if ((int)ctx[1] != TCP_SYN_RECV || (int)ctx[2] != TCP_ESTABLISHED)
		return 0;
	k.netns = sk->__sk_common.skc_net.net->ns.inum;
	k.port = sk->__sk_common.skc_num;
	server = bpf_map_lookup_elem(&ports, &k);
	if (!server)
		return 0;
	s = bpf_map_lookup_elem(&servers, server);
	if (s)
		new_conn(sk, s, *server, RESP_REQUEST);
	return 0;
}

/* sk_data_ready(sk): bytes have come */
SEC("tp_btf/sk_data_ready")
int data_ready(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct conn *c;

	if (is_strange(sk))
		return 0;
	c = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!c)
		return 0;
	c->latest = bpf_ktime_get_ns();
	if (!c->arrived)
		c->arrived = c->latest;
	return 0;
}

/* The wait of what is read now. Bytes that came between a read and its tracepoint
 * have only the latest arrival. */
INLINE u64 take_wait(struct conn *c, u64 now)
{
	u64 from = c->arrived ? c->arrived : c->latest;

	c->arrived = 0;
	c->waited = from != 0;
	if (!from || from > now)
		return 0;
	return now - from;
}

/* Where OpenSSL is not watched, names are not to be had, but times are: what is read
 * before a write is a batch of one. */
INLINE void read_ciphertext(struct reading *r, struct conn *c, struct server *s)
{
	if (c->pending) {
		c->read = r->now;
		c->waiting = 0; /* it is the same bytes' */
		return;
	}
	r->run[0] = WORD("(TLS)\0\0\0");
	r->run[1] = 0;
	r->run[2] = 0;
	r->run_length = 1;
	r->total = 1;
}

INLINE void keep_text(struct reading *r, struct sock *sk)
{
	struct text *t = bpf_sk_storage_get(&texts, sk, NULL, STORAGE_CREATE);
	u64 n = r->length;

	if (!t)
		return;
	asm volatile("" : "+r"(n));
	if (n > TEXT)
		n = TEXT;
	t->length = bpf_probe_read_user(t->bytes, n, (void *)r->user) ? 0 : n;
}

INLINE void read_plain(struct reading *r, struct conn *c, struct server *s, struct sock *sk)
{
	u64 room = 0;

	r->user = user_bytes(&room);
	if (!r->user || room < r->length) {
		__sync_fetch_and_add(&s->unread, 1);
		c->resp.state = RESP_ADRIFT;
		return;
	}
	if (with_text && !c->pending && c->resp.state != RESP_BULKS)
		keep_text(r, sk);
	walk_read(r, c, s);
}

INLINE struct conn *known_conn(struct sock *sk)
{
	struct conn *c = bpf_sk_storage_get(&conns, sk, NULL, 0);
	struct server *s;
	u32 server = 0;

	if (c)
		return c;
	s = current_server(&server);
	return s ? new_conn(sk, s, server, RESP_ADRIFT) : NULL;
}

/* sock_recv_length(sk, length or error, flags): the running thread has read */
SEC("tp_btf/sock_recv_length")
int received(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct reading *r;
	struct server *s;
	struct conn *c;
	u32 zero = 0;
	int loop;

	if ((int)ctx[1] <= 0 || ctx[2] & MSG_PEEK || is_strange(sk))
		return 0;
	c = known_conn(sk);
	if (!c)
		return 0;
	r = bpf_map_lookup_elem(&readings, &zero);
	if (!r)
		return 0;
	s = bpf_map_lookup_elem(&servers, &c->server);
	if (!s)
		return 0;
	r->now = bpf_ktime_get_ns();
	loop = on_event_loop(s);
	if (loop)
		end_hold(s, c, r->now);
	if (c->kind != CONN_CLIENT)
		return 0;
	note_thread(s, loop);
	r->fresh = c->arrived != 0;
	r->own = take_wait(c, r->now);
	r->wait = r->own + c->waiting;
	c->waiting = r->wait;
	if (c->answered) {
		new_batch(c);
		if (with_seq)
			c->seq = first_seq(sk, (int)ctx[1]);
	}
	begin_reading(r, (int)ctx[1]);
	if (c->resp.state != RESP_TLS)
		read_plain(r, c, s, sk);
	if (c->resp.state == RESP_TLS && !r->total) {
		s->tls = 1;
		if (!read_record(r, c, s, sk))
			read_ciphertext(r, c, s);
	}
	if (r->total)
		end_reading(r, c, s, loop);
	return 0;
}

/* Whether the write's first byte says that the request was refused. */
INLINE u8 is_error(struct conn *c, u32 length)
{
	u64 room = 0, user;

	if (c->ssl)
		return c->refused;
	if (c->pending != 1 || !may_be_error(length) || c->resp.state == RESP_TLS)
		return 0;
	user = user_bytes(&room);
	return user && says_error(user, length);
}

INLINE void send_batch(struct conn *c, struct server *s, struct sock *sk, u64 now, u8 error, u8 exemplar)
{
	struct event_text *t = NULL;
	struct text *text = NULL;
	struct event *e;

	if (with_text) {
		t = bpf_ringbuf_reserve(&events, sizeof(*t), 0);
		e = t ? &t->e : NULL;
	} else {
		e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	}
	if (!e) {
		__sync_fetch_and_add(&s->lost_events, 1);
		return;
	}
	e->kind = EVENT_BATCH;
	e->server = c->server;
	e->arrived = c->waited ? c->read - c->wait : 0;
	e->read = c->read;
	e->end = now;
	e->fsync = s->fsync - c->fsync;
	e->forked = 0;
	e->run_queue = s->run_queue - c->run_queue;
	e->blocked = s->blocked - c->blocked;
	e->from = c->from;
	e->size = c->pending;
	e->parts = c->parts;
	__builtin_memcpy(e->part, c->part, sizeof(e->part));
	e->script = c->script;
	e->error = error;
	e->exemplar = exemplar;
	e->blocking = c->blocking;
	__builtin_memcpy(e->sha, c->sha, sizeof(e->sha));
	e->length = 0;
	e->seq = c->seq;
	if (with_text && t) {
		text = bpf_sk_storage_get(&texts, sk, NULL, 0);
		if (text) {
			e->length = text->length;
			__builtin_memcpy(t->text, text->bytes, TEXT);
		}
	}
	bpf_ringbuf_submit(e, SUBMIT);
}

GLOBAL int record_parts(struct conn *c, u32 phase, u64 v)
{
	if (!c)
		return 0;
	for (u32 i = 0; i < BATCH; i++) {
		if (i >= c->parts)
			break;
		record(c->part[i].slot, phase, v, c->part[i].n);
	}
	if (by_client)
		record(c->client, phase, v, c->pending);
	return 0;
}

/* The further tiers' shares of the time until the reply. */
INLINE void record_shares(struct conn *c, struct server *s, u64 now)
{
	u64 write = 0, fsync = s->fsync - c->fsync;

	if (s->entered) {
		if (on_event_loop(s) && now > s->entered)
			write = now - s->entered;
		record_parts(c, PHASE_WRITE, write);
		record_parts(c, PHASE_EXECUTE, c->service > write + fsync ? c->service - write - fsync : 0);
		if (fsync)
			record_parts(c, PHASE_FSYNC, fsync);
	}
	if (phases > PHASE_RUN_QUEUE) {
		if (s->run_queue - c->run_queue)
			record_parts(c, PHASE_RUN_QUEUE, s->run_queue - c->run_queue);
		if (s->blocked - c->blocked)
			record_parts(c, PHASE_BLOCKED, s->blocked - c->blocked);
	}
}

INLINE void first_write(struct conn *c, struct server *s, struct sock *sk, u32 length, u64 now)
{
	u8 error, exemplar = 0;
	struct info *i;

	c->answered = 1;
	c->service = now - c->read;
	record_parts(c, PHASE_SERVICE, c->service);
	if (phases > PHASE_SERVICE + 1)
		record_shares(c, s, now);
	error = is_error(c, length);
	if (error) {
		i = bpf_map_lookup_elem(&infos, &c->part[0].slot);
		if (i)
			__sync_fetch_and_add(&i->errors, 1);
		if (by_client) {
			i = bpf_map_lookup_elem(&infos, &c->client);
			if (i)
				__sync_fetch_and_add(&i->errors, 1);
		}
	}
	if (sample_every)
		exemplar = bpf_get_prandom_u32() % sample_every == 0;
	if (exemplar || c->wait >= slow_ns || (c->service >= slow_ns && !c->blocking))
		send_batch(c, s, sk, now, error, exemplar);
}

/* a reply that does not fit goes out in several writes */
INLINE void further_write(struct conn *c, u64 now)
{
	u64 service = now - c->read;

	for (u32 i = 0; i < BATCH; i++) {
		if (i >= c->parts)
			break;
		amend(c->part[i].slot, c->service, service, c->part[i].n);
	}
	if (by_client)
		amend(c->client, c->service, service, c->pending);
	c->service = service;
}

/* Writes of so many bytes, or so soon after the last one, belong to one reply. */
#define REPLY_PIECE 16384
#define REPLY_PAUSE 1000000

/* sock_send_length(sk, length or error, flags): the running thread has written */
SEC("tp_btf/sock_send_length")
int sent(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct server *s;
	struct conn *c;
	u64 now;

	if ((int)ctx[1] <= 0 || is_strange(sk))
		return 0;
	c = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!c)
		return 0;
	s = bpf_map_lookup_elem(&servers, &c->server);
	if (!s)
		return 0;
	now = bpf_ktime_get_ns();
	if (s->hold.start && on_event_loop(s))
		end_hold(s, c, now);
	if (c->kind != CONN_CLIENT)
		return 0;
	if (with_tls && c->ssl) {
		c = plain_of(c, s);
		if (!c)
			return 0;
	}
	if (!c->answered && c->pending)
		first_write(c, s, sk, (int)ctx[1], now);
	else if (c->pending && !(c->flags & FLAG_PUSHES) && (c->unfinished || now - c->sent < REPLY_PAUSE))
		further_write(c, now);
	c->unfinished = (int)ctx[1] >= REPLY_PIECE;
	c->sent = now;
	return 0;
}
