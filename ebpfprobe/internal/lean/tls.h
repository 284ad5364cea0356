/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Requests under TLS: their times are the socket's, their bytes are taken from OpenSSL,
 * which is watched for it on request (tier deep). */
#ifndef CLEW_TLS_H
#define CLEW_TLS_H

#include "reading.h"

struct tls_key {
	u64 ssl; /* OpenSSL's connection, in the process */
	u32 tgid;
	u32 zero;
};

/* What conns is by socket: a program at a function of OpenSSL has no socket. */
struct {
	__uint(type, MAP_HASH);
	__uint(map_flags, F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct tls_key);
	__type(value, struct conn);
} tls_conns SEC(".maps");

/* a thread in SSL_read */
struct tls_call {
	u64 ssl; /* 0: it is not */
	u64 buffer;
	u64 read; /* when it read from the socket; 0: not yet */
};

struct {
	__uint(type, MAP_TASK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tls_call);
} tls_calls SEC(".maps");

/* Unlike one at a tracepoint, a program at a function may have to leave the CPU to
 * another one: so there is a reading for each thread. */
struct {
	__uint(type, MAP_HASH);
	__uint(map_flags, F_NO_PREALLOC);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct reading);
} tls_readings SEC(".maps");

/* whether OpenSSL is watched in each server */
u8 tls_watched[MAX_SERVERS];

/* TCP's number of the first of the bytes that were just read; 0 of a Unix socket */
INLINE u32 first_seq(struct sock *sk, u32 length)
{
	struct tcp_sock *t = bpf_skc_to_tcp_sock(sk);

	return t ? t->copied_seq - length : 0;
}

INLINE struct conn *plain_of(struct conn *c, struct server *s)
{
	struct tls_key k = {.ssl = c->ssl, .tgid = s->tgid};

	return bpf_map_lookup_elem(&tls_conns, &k);
}

INLINE struct conn *new_plain(struct conn *c, struct server *s, u64 ssl)
{
	struct tls_key k = {.ssl = ssl, .tgid = s->tgid};
	struct conn *p;

	c->ssl = ssl;
	if (bpf_map_update_elem(&tls_conns, &k, c, BPF_ANY))
		return NULL;
	p = bpf_map_lookup_elem(&tls_conns, &k);
	if (!p)
		return NULL;
	p->resp.state = c->whole ? RESP_REQUEST : RESP_ADRIFT;
	p->resp.skip = 0;
	p->resp.carried = 0;
	p->answered = 1;
	p->waiting = 0;
	return p;
}

/* Ciphertext was read: its requests are known when OpenSSL is done with it. 0 if
 * OpenSSL is not watched. */
INLINE int read_record(struct reading *r, struct conn *c, struct server *s, struct sock *sk)
{
	struct tls_call *call;
	struct conn *p = NULL;

	if (!with_tls || c->server >= MAX_SERVERS || !tls_watched[c->server])
		return 0;
	c->waiting = 0;
	call = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), NULL, 0);
	if (!call || !call->ssl)
		return 1; /* of the handshake */
	if (c->ssl == call->ssl)
		p = plain_of(c, s);
	if (!p)
		p = new_plain(c, s, call->ssl);
	if (!p) {
		__sync_fetch_and_add(&s->unread, 1);
		return 1;
	}
	if (with_seq && p->answered)
		p->seq = first_seq(sk, r->length);
	/* OpenSSL reads a record's header and the rest apart, which arrived together. */
	if (!call->read || r->fresh)
		p->waiting += r->own;
	p->waited = c->waited;
	call->read = r->now;
	return 1;
}

/* SSL_read(SSL *ssl, void *buf, int num) */
SEC("uprobe/SSL_read")
int ssl_read(struct pt_regs *ctx)
{
	struct tls_call *call = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), NULL, STORAGE_CREATE);

	if (!call)
		return 0; /* what is read is taken for a handshake */
	call->ssl = ARG1(ctx);
	call->buffer = ARG2(ctx);
	call->read = 0;
	return 0;
}

INLINE struct reading *tls_reading(void)
{
	u32 thread = bpf_get_current_pid_tgid(), zero = 0;
	struct reading *r = bpf_map_lookup_elem(&tls_readings, &thread);

	if (r)
		return r;
	r = bpf_map_lookup_elem(&readings, &zero); /* whatever is in it */
	if (r)
		bpf_map_update_elem(&tls_readings, &thread, r, BPF_ANY);
	return bpf_map_lookup_elem(&tls_readings, &thread);
}

SEC("uretprobe/SSL_read")
int ssl_read_done(struct pt_regs *ctx)
{
	struct tls_call *call = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), NULL, 0);
	struct tls_key k = {.tgid = bpf_get_current_pid_tgid() >> 32};
	int length = RETURNED(ctx);
	struct reading *r;
	struct server *s;
	struct conn *p;

	if (!call || !call->ssl)
		return 0;
	k.ssl = call->ssl;
	call->ssl = 0;
	p = bpf_map_lookup_elem(&tls_conns, &k);
	if (length <= 0 || !p) /* or no client's connection */
		return 0;
	s = bpf_map_lookup_elem(&servers, &p->server);
	if (!s)
		return 0;
	r = tls_reading();
	if (!r) {
		__sync_fetch_and_add(&s->unread, 1);
		p->resp.state = RESP_ADRIFT;
		return 0;
	}
	if (p->answered)
		new_batch(p);
	r->now = call->read ? call->read : bpf_ktime_get_ns(); /* OpenSSL had it already */
	r->wait = p->waiting;
	r->user = call->buffer;
	begin_reading(r, length);
	walk_read(r, p, s);
	if (r->total)
		end_reading(r, p, s, on_event_loop(s));
	return 0;
}

/* SSL_write(SSL *ssl, const void *buf, int num) */
SEC("uprobe/SSL_write")
int ssl_write(struct pt_regs *ctx)
{
	struct tls_key k = {.ssl = ARG1(ctx), .tgid = bpf_get_current_pid_tgid() >> 32};
	struct conn *p = bpf_map_lookup_elem(&tls_conns, &k);

	if (p && !p->answered && p->pending == 1)
		p->refused = says_error(ARG2(ctx), ARG3(ctx));
	return 0;
}

/* A connection has ended: OpenSSL may give its place to another. */
INLINE void tls_closed(struct sock *sk)
{
	struct conn *c = bpf_sk_storage_get(&conns, sk, NULL, 0);
	struct tls_key k = {};
	struct server *s;

	if (!c || !c->ssl)
		return;
	s = bpf_map_lookup_elem(&servers, &c->server);
	if (!s)
		return;
	k.ssl = c->ssl;
	k.tgid = s->tgid;
	bpf_map_delete_elem(&tls_conns, &k);
}

#endif
