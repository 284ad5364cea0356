/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* The lean tier's state: of each connection, of each name that is counted, and
 * what is handed to user space. */
#ifndef CLEW_MAPS_H
#define CLEW_MAPS_H

#include "../bpf/histogram.h"
#include "../bpf/resp.h"
#include "../bpf/server.h"

/* set before loading */
const volatile u64 slow_ns = 10000000; /* a batch from here on is an event */
const volatile u64 hold_ns = 1000000; /* a hold of the loop from here on is one */
const volatile u32 sample_every = 0; /* one batch in so many is one too; 0: none */
const volatile u32 slots = 1024; /* entries of infos */
const volatile u32 phases = 2; /* histograms of each slot */
const volatile u8 by_client = 0;
const volatile u8 by_prefix = 0;
const volatile u8 with_seq = 0; /* for trace ids */
const volatile u8 with_text = 0; /* events have the beginning of the request */
const volatile u8 with_tls = 0; /* tls.h is at work */

/* A slot is a place where requests are counted: those of one name, of one client
 * or of one prefix. The first slots are for what finds no place of its own. */
enum { SLOT_COMMAND, SLOT_CLIENT, SLOT_PREFIX, SLOT_KINDS };

struct slot_key {
	u16 server;
	u16 kind;
	u32 zero;
	u64 name[3]; /* a command, an address, a prefix */
};

struct {
	__uint(type, MAP_HASH);
	__uint(map_flags, F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct slot_key);
	__type(value, u32);
} names SEC(".maps");

u32 next_slot = SLOT_KINDS * MAX_SERVERS;

/* what a command's name says */
enum {
	FLAG_PUSHES = 1, /* the server will send without being asked */
	FLAG_REPLICA = 2, /* what follows has no replies */
	FLAG_BLOCKING = 4, /* the reply may wait for other clients */
};

struct info {
	u64 count;
	u64 errors;
	u64 connections; /* of a client */
	u32 flags;
	u32 pad;
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct info);
} infos SEC(".maps");

/* the histogram of a slot's phase is at slot * phases + phase */
enum {
	PHASE_WAIT,
	PHASE_SERVICE,
	PHASE_EXECUTE, /* from here on with tier syscalls */
	PHASE_WRITE,
	PHASE_FSYNC,
	PHASE_RUN_QUEUE, /* and from here on with tier offcpu */
	PHASE_BLOCKED,
	PHASES
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 2048);
	__type(key, u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

/* of the batches of each server: how many requests were read together */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, u32);
	__type(value, struct histogram);
} sizes SEC(".maps");

/* where servers take clients, to know a connection from its beginning */
struct port_key {
	u32 netns; /* inode of the network namespace */
	u16 port;
	u16 zero;
};

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 4 * MAX_SERVERS);
	__type(key, struct port_key);
	__type(value, u32);
} ports SEC(".maps");

/* A bit for each TCP port where a server may take clients, to tell strangers'
 * sockets at a glance. */
u64 port_bits[1024];

#define BATCH 12 /* different names in a batch that are told apart */

struct part {
	u32 slot;
	u32 n;
};

enum { CONN_CLIENT, CONN_OTHER };

/* a connection of a server */
struct conn {
	u64 arrived; /* when the first unread bytes came; 0: there are none */
	u64 latest; /* when the latest bytes came */
	u64 waiting; /* how long the parts of the present request waited, so far */
	u64 read; /* when the batch was read that waits for its reply */
	u64 wait; /* how long it had waited */
	u64 service; /* how long its reply took, so far */
	u64 sent; /* when that was written, so far */
	u64 fsync, run_queue, blocked; /* the server's sums when the batch was read */
	struct tuple from;
	u32 server;
	u32 client; /* slot of the client's address */
	u32 seq; /* TCP's number of the batch's first byte */
	u32 pending; /* requests in the batch */
	u32 parts;
	u32 pad;
	struct part part[BATCH];
	u64 ssl; /* OpenSSL's connection, if requests are taken from there */
	u64 name[3]; /* the latest name, */
	u32 slot; /* and its slot; 0: none yet */
	u8 kind;
	u8 flags; /* of all names so far */
	u8 blocking; /* this batch has a name that may block */
	u8 answered; /* the batch has its reply */
	u8 unfinished; /* more of that reply may follow */
	u8 waited; /* the wait is known */
	u8 script;
	u8 seen; /* counted as a connection */
	u8 sha[40];
	u8 whole; /* seen from its first byte on */
	u8 refused; /* the reply to the batch is an error; of TLS */
	u8 free[6];
	struct resp resp;
};

struct {
	__uint(type, MAP_SK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} conns SEC(".maps");

#define TEXT 256
struct text {
	u32 length;
	u8 bytes[TEXT];
};

/* the beginning of each connection's batch, where texts are asked for */
struct {
	__uint(type, MAP_SK_STORAGE);
	__uint(map_flags, F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct text);
} texts SEC(".maps");

/* the script that the event loop of each server runs or ran last */
#define SCRIPT 4096
struct script {
	u32 length;
	u32 pad;
	u8 text[SCRIPT];
};

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, MAX_SERVERS);
	__type(key, u32);
	__type(value, struct script);
} scripts SEC(".maps");

/* One read of a server from a connection. It is memory of a map for the same reason
 * as the reader's buffer, and because a program's stack is small. */
struct reading {
	u64 user; /* where the bytes are */
	u64 length;
	u64 at; /* how many of them are behind us */
	u64 now;
	u64 wait;
	u64 own; /* of wait: what these bytes waited, without those before them */
	u64 run[3]; /* the latest request's name, */
	u64 prefix[3]; /* and its first argument's beginning up to a colon */
	u32 run_length; /* how often it came in a row */
	u32 total;
	u32 fresh; /* something arrived since the last read */
	u32 pad;
	struct resp_buffer buf;
};

struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct reading);
} readings SEC(".maps");

enum { EVENT_BATCH = 1, EVENT_HOLD, EVENT_SCRIPT };

struct event {
	u32 kind;
	u32 server;
	u64 arrived; /* of a batch; 0 if not known */
	u64 read; /* when a hold began */
	u64 end; /* when the reply was written, when the hold ended */
	u64 fsync, forked, run_queue, blocked; /* between read and end */
	struct tuple from;
	u32 size; /* requests in the batch */
	u32 parts;
	struct part part[BATCH]; /* of a hold only the first */
	u8 script;
	u8 error;
	u8 exemplar;
	u8 blocking;
	u8 sha[40];
	u32 length; /* of the text */
	u32 seq; /* TCP's number of the batch's first byte */
	u32 pad;
};

struct event_text {
	struct event e;
	u8 text[TEXT];
};

/* the text of the script in the hold that follows */
struct event_script {
	u32 kind;
	u32 server;
	struct script script;
};

struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, 1 << 22);
} events SEC(".maps");

/* User space comes by several times a second: to wake it for each event would cost
 * the server more than all else. */
#define SUBMIT RB_NO_WAKEUP

#endif
