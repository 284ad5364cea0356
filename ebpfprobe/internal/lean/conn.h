/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Connections: whose they are, and the bytes of their system calls. */
#ifndef CLEW_CONN_H
#define CLEW_CONN_H

#include "slots.h"

INLINE int may_serve(u16 port)
{
	return port_bits[port >> 6] >> (port & 63) & 1;
}

/* Whether a socket can be none of a server's: most are, so this comes before all else. */
INLINE int is_strange(struct sock *sk)
{
	return sk->__sk_common.skc_family != AF_UNIX && !may_serve(sk->__sk_common.skc_num);
}

INLINE u8 kind_of(const struct server *s, struct sock *sk)
{
	u16 port = sk->__sk_common.skc_num;

	if (sk->__sk_common.skc_family == AF_UNIX || !s->port[0])
		return CONN_CLIENT;
	if (port == s->port[0] || port == s->port[1] || port == s->port[2] || port == s->port[3])
		return CONN_CLIENT;
	return CONN_OTHER; /* another server's port, as we saw it */
}

/* Starts to keep state of a connection. One that is seen from its beginning is
 * read from its first byte on; of another the next request has to be found. */
INLINE struct conn *new_conn(struct sock *sk, struct server *s, u32 server, u8 resp_state)
{
	struct conn *c = bpf_sk_storage_get(&conns, sk, NULL, STORAGE_CREATE);
	struct slot_key k = {.server = server, .kind = SLOT_CLIENT};

	if (!c)
		return NULL;
	c->server = server;
	c->kind = kind_of(s, sk);
	c->answered = 1;
	c->resp.state = resp_state;
	c->whole = resp_state == RESP_REQUEST;
	tuple_of(sk, 1, &c->from);
	if (by_client && c->kind == CONN_CLIENT) {
		k.name[0] = *(u64 *)c->from.client;
		k.name[1] = *(u64 *)(c->from.client + 8);
		c->client = slot_of(&k);
	}
	return c;
}

/* Counts a connection at its first request, so that port scanners and the checks
 * of load balancers are none. */
INLINE void count_conn(struct conn *c, struct server *s)
{
	struct info *i;

	if (c->seen)
		return;
	c->seen = 1;
	__sync_fetch_and_add(&s->connections, 1);
	if (by_client) {
		i = bpf_map_lookup_elem(&infos, &c->client);
		if (i)
			__sync_fetch_and_add(&i->connections, 1);
	}
}

/* Where the running thread's read or write has its first bytes, and in *length how
 * many may be there; 0 if the call is none that is known. */
INLINE u64 user_bytes(u64 *length)
{
	struct pt_regs *r = bpf_task_pt_regs(bpf_get_current_task_btf());
	struct user_msghdr m;
	struct iovec v;
	u64 iov = ARG2(r);

	switch ((int)SYSCALL(r)) {
	case NR_READ:
	case NR_RECVFROM:
	case NR_WRITE:
	case NR_SENDTO:
		*length = ARG3(r);
		return iov;
	case NR_RECVMSG:
	case NR_SENDMSG:
		if (bpf_probe_read_user(&m, sizeof(m), (void *)iov) || !m.iovlen)
			return 0;
		iov = m.iov;
		break;
	case NR_READV:
	case NR_WRITEV:
		break;
	default:
		return 0;
	}
	if (bpf_probe_read_user(&v, sizeof(v), (void *)iov))
		return 0;
	*length = v.len;
	return v.base;
}

#endif
