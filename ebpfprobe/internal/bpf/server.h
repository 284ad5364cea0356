/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* What the tiers share: which processes are observed, and of each what its main
 * thread, the event loop, has spent where. User space fills pids and the first
 * members of servers; the maps belong to the lean tier's object, and the other
 * tiers' loaders put them in the place of their own of the same name. */
#ifndef CLEW_SERVER_H
#define CLEW_SERVER_H

#include "kernel.h"
#include "tuple.h"

#define MAX_SERVERS 64

/* what is known of the script that a request runs */
enum {
	SCRIPT_NONE,
	SCRIPT_SHA, /* its sha1, in hex */
	SCRIPT_TEXT, /* its text, kept aside */
	SCRIPT_LONG, /* a text too long to be kept */
};

/* what holds the event loop since a batch of requests was read */
struct hold {
	u64 start; /* 0: nothing does */
	u64 sleeps; /* how often the thread had gone to sleep of itself */
	u64 fsync, forked, run_queue, blocked; /* the server's sums at start */
	struct tuple from;
	u32 seq; /* TCP's number of the batch's first byte */
	u32 slot; /* of the first request's name */
	u32 size; /* requests in the batch */
	u16 blocking; /* the batch may wait for other clients: BLPOP */
	u16 script;
	u8 sha[40];
};

struct server {
	u32 tgid; /* in the initial pid namespace; 0: the place is free */
	u16 port[4]; /* where it takes clients; 0: none further */
	u32 threads; /* several threads read from sockets */
	u32 tls;
	u32 pad;
	/* Sums of the event loop's time, in nanoseconds, rising for ever. Tier syscalls
	 * adds to the first three, tier offcpu to the last two. */
	u64 entered; /* when the system call in progress began; not a sum */
	u64 fsync; /* in fsync and fdatasync */
	u64 forked; /* in clone, vfork and fork */
	u64 run_queue; /* runnable, without a CPU */
	u64 blocked; /* asleep, but for the wait for events */
	/* counters */
	u64 connections;
	u64 resyncs;
	u64 lost_events; /* the ring buffer was full */
	u64 lost_service; /* requests whose service time found no room */
	u64 unread; /* reads whose bytes could not be had */
	struct hold hold;
};

/* tgid -> place in servers */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, MAX_SERVERS);
	__type(key, u32);
	__type(value, u32);
} pids SEC(".maps");

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, u32);
	__type(value, struct server);
} servers SEC(".maps");

/* the observed server whose process has this number, or NULL; its place in *at */
INLINE struct server *server_of(u32 tgid, u32 *at)
{
	u32 *i = bpf_map_lookup_elem(&pids, &tgid);

	if (!i)
		return NULL;
	*at = *i;
	return bpf_map_lookup_elem(&servers, i);
}

/* the observed server whose process runs now */
INLINE struct server *current_server(u32 *at)
{
	return server_of(bpf_get_current_pid_tgid() >> 32, at);
}

#endif
