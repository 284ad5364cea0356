/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* What the two ends of a connection tell one another: the client's end notes which
 * trace sent which bytes of the stream, the server's looks that up. Bytes are named
 * by TCP's sequence numbers, which are the same at both ends, so that it does not
 * matter how the stream is cut into segments and reads. The map belongs to the
 * object of package golabels; who looks up puts it in the place of his own. */
#ifndef CLEW_GOWRITES_H
#define CLEW_GOWRITES_H

#include "tuple.h"

/* Longer writes than this may be cut by a segment or by the server's read. */
#define GO_WRITE_LONG 1024

struct go_write_key {
	struct tuple conn;
	u32 seq;  /* of the write's first byte; 0 if last */
	u32 last; /* 1: the connection's last long write, whatever its seq */
};

enum go_write_flag {
	GO_WRITE_ENDED = 1,     /* the span had ended */
	GO_WRITE_UNSAMPLED = 2, /* the trace is not being recorded */
};

/* Who sent it. Ids are hexadecimal digits, as the labels have them. */
struct go_write {
	u8 trace_id[32];
	u8 span_id[16]; /* zeros if there is none */
	u64 goroutine;
	u64 at_ns;        /* CLOCK_MONOTONIC, when the write was done */
	u32 seq;          /* of the first byte */
	u32 end;          /* of the byte behind the last */
	u32 pid;
	enum go_write_flag flags;
};

struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, struct go_write_key);
	__type(value, struct go_write);
} go_writes SEC(".maps");

/* Finds who sent the byte with number seq of the stream that the server's socket sk
 * receives: the first byte of a write, or one of the last long write's. The first
 * byte of what a read of n bytes returned is copied_seq - n of its tcp_sock. NULL
 * if it is not known, or not yet: on one host a server may read before the client's
 * write has returned, so that a miss is worth a second look later. */
INLINE struct go_write *go_write_of(struct sock *sk, u32 seq)
{
	struct go_write_key k = { .seq = seq };
	struct go_write *w;

	if (!tuple_of(sk, 1, &k.conn))
		return NULL;
	w = bpf_map_lookup_elem(&go_writes, &k);
	if (w)
		return w;
	k.seq = 0;
	k.last = 1;
	w = bpf_map_lookup_elem(&go_writes, &k);
	if (w && (s32)(seq - w->seq) >= 0 && (s32)(w->end - seq) > 0)
		return w;
	return NULL;
}

#endif
