/* reader runs the kernel's reader of requests in user space, for reader_test.go. On
 * stdin it takes reads, each a length of four bytes, little-endian, and so many
 * bytes; a length of 0xfffffffe or 0xffffffff ends a connection, whose successor
 * begins at a request or adrift. On stdout it writes a line for each request, and
 * at a connection's end one with the reader's state. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#define INLINE static inline

#include "resp.h"

static char first[2 * RESP_ARG + 1];

INLINE void resp_on_name(struct resp_walk *w)
{
	(void)w;
	first[0] = '-';
	first[1] = 0;
}

INLINE void resp_on_argument(struct resp_walk *w, u32 at, u32 have, u32 length)
{
	u32 n = have < RESP_ARG ? have : RESP_ARG;

	if (have < length && have < RESP_ARG)
		exit(3); /* too little of it */
	first[0] = 0;
	for (u32 i = 0; i < n; i++)
		sprintf(first + 2 * i, "%02x", w->buf->b[at + i]);
}

INLINE void resp_on_request(struct resp_walk *w)
{
	printf("%016llx%016llx%016llx %u %s\n", (unsigned long long)w->r->name[0], (unsigned long long)w->r->name[1],
	       (unsigned long long)w->r->name[2], w->r->argc, first);
}

static void read_bytes(struct resp *r, const u8 *bytes, u64 length)
{
	static struct resp_buffer buf;
	struct resp_walk w = {r, &buf};
	u64 at = 0, n;

	while ((n = resp_plan(r, length, &at))) {
		resp_restore(&w);
		memset(buf.b + RESP_CARRY, 0x37, RESP_CHUNK); /* whatever lies beyond the end must not matter */
		memcpy(buf.b + RESP_CARRY, bytes + at, n);
		buf.end = RESP_CARRY + n;
		if (r->state == RESP_ADRIFT && (at || !resp_resync(&w, length)))
			return;
		at += n;
		while (!resp_step(&w))
			;
		if (r->state == RESP_ADRIFT || r->state == RESP_TLS)
			return;
	}
}

int main(void)
{
	struct resp r = {0};
	u32 length;

	while (fread(&length, sizeof(length), 1, stdin) == 1) {
		if (length >= 0xfffffffe) {
			printf("end %u %u\n", r.state, r.resyncs);
			fflush(stdout);
			memset(&r, 0, sizeof(r));
			r.state = length == 0xffffffff ? RESP_ADRIFT : RESP_REQUEST;
			continue;
		}
		u8 *bytes = malloc(length + 1);
		if (!bytes || fread(bytes, 1, length, stdin) != length)
			return 2;
		if (r.state != RESP_TLS)
			read_bytes(&r, bytes, length);
		free(bytes);
	}
	return 0;
}
