/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
#ifndef CLEW_TUPLE_H
#define CLEW_TUPLE_H

#include "kernel.h"

/* both ends of a connection, IPv4 as ::ffff:a.b.c.d */
struct tuple {
	u8 client[16];
	u8 server[16];
	u16 client_port; /* 0: a Unix socket */
	u16 server_port;
	u32 pad;
};

INLINE void ipv4_mapped(u8 to[16], u32 addr)
{
	u32 *words = (u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = net16(0xffff) << 16;
	words[3] = addr;
}

/* Fills t from a socket at the server's end of the connection, or at the client's.
 * 0 if it is neither of IPv4 nor of IPv6: then t is as it was. */
INLINE int tuple_of(struct sock *sk, int at_server, struct tuple *t)
{
	u8 *local = at_server ? t->server : t->client;
	u8 *remote = at_server ? t->client : t->server;
	u16 local_port = sk->__sk_common.skc_num;
	u16 remote_port = net16(sk->__sk_common.skc_dport);

	switch (sk->__sk_common.skc_family) {
	case AF_INET:
		ipv4_mapped(local, sk->__sk_common.skc_rcv_saddr);
		ipv4_mapped(remote, sk->__sk_common.skc_daddr);
		break;
	case AF_INET6:
		bpf_probe_read_kernel(local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(remote, 16, &sk->__sk_common.skc_v6_daddr);
		break;
	default:
		return 0;
	}
	t->server_port = at_server ? local_port : remote_port;
	t->client_port = at_server ? remote_port : local_port;
	t->pad = 0;
	return 1;
}

#endif
