/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* A reader of the requests on a connection: RESP arrays of bulk strings, and
 * inline commands. It takes the bytes as they come, cut anywhere, and of a
 * request it looks only at the name and the beginning of the first argument; the
 * rest is skipped unread.
 *
 * It is compiled for the kernel and for user space, where it is held against the
 * reader in Go (package resp): both say the same of the same bytes.
 *
 * Who includes it defines resp_on_name, resp_on_argument and resp_on_request, which
 * are called at each request's name, at its first argument, and when it is complete;
 * and u8 to s64, INLINE. */
#ifndef CLEW_RESP_H
#define CLEW_RESP_H


#define RESP_NAME 24 /* bytes of a name that are kept; longer ones are cut */
#define RESP_ARG 40 /* bytes of the first argument that are looked at: a sha1 in hex */
#define RESP_CARRY 56 /* a header line, at most 14 bytes, and what of its string is looked at */
#define RESP_MAX_ARGS (1024 * 1024)
#define RESP_MAX_BULK (512LL * 1024 * 1024)

/* where in the stream the reader is */
enum {
	RESP_REQUEST, /* before a request */
	RESP_BULKS, /* before a bulk string of one */
	RESP_INLINE, /* in an inline command, behind its name */
	RESP_BLANK, /* in an inline command, before its name */
	RESP_ADRIFT, /* somewhere: seen first in mid-stream, or not understood */
	RESP_TLS, /* ciphertext */
	RESP_END, /* within a step: a request is complete */
};

struct resp {
	u64 skip; /* bytes of the present string still to come, with its CR LF */
	u64 name[3]; /* in capitals, filled up with zeros */
	u32 args; /* bulk strings still to come, without the present one */
	u32 argc; /* of the present request; 0 of an inline command */
	u8 state;
	u8 done; /* the request is complete when skip is 0 */
	u8 carried; /* length of carry */
	u8 first; /* the next bulk string is the name (0), the first argument (1), further (2) */
	u32 resyncs;
	u8 carry[RESP_CARRY]; /* a piece too short to be understood, until the next read */
};

/* The buffer that the reader walks over. A chunk begins at RESP_CARRY, and what
 * was carried over lies right before it. What is read beyond the end of the chunk
 * is never used, but must be within the buffer.
 *
 * In the kernel this is memory of a map. Positions lie there too, though registers
 * would do: what comes from memory the verifier takes for any number, so it need
 * not follow each path through a loop to its end. */
#define RESP_CHUNK 16000
#define RESP_MASK 16383
struct resp_buffer {
	u32 pos; /* from the start of b */
	u32 end;
	s64 number; /* of a header line, */
	u32 from; /* its first digit */
	u32 behind; /* and what comes behind its last; or the length of a name */
	u8 b[RESP_MASK + 1 + RESP_CARRY];
};

struct resp_walk {
	struct resp *r;
	struct resp_buffer *buf;
};

INLINE void resp_on_name(struct resp_walk *w);
/* the first argument has length bytes, of which have lie at buf->b + at */
INLINE void resp_on_argument(struct resp_walk *w, u32 at, u32 have, u32 length);
INLINE void resp_on_request(struct resp_walk *w);

INLINE u8 resp_byte(struct resp_walk *w, u32 at)
{
	return w->buf->b[at & RESP_MASK];
}

INLINE u64 resp_word(struct resp_walk *w, u32 at)
{
	return *(u64 *)(w->buf->b + (at & RESP_MASK));
}

/* a to z become A to Z, eight at a time */
INLINE u64 resp_upper(u64 x)
{
	const u64 ones = 0x0101010101010101ULL;
	u64 low = x & (0x7f * ones);
	u64 from_a = low + (0x80 - 'a') * ones;
	u64 beyond_z = low + (0x7f - 'z') * ones;
	u64 lower = (from_a & ~beyond_z & ~x) & (0x80 * ones);

	return x - (lower >> 2);
}

INLINE u64 resp_head(u64 word, s32 bytes)
{
	if (bytes >= 8)
		return word;
	if (bytes <= 0)
		return 0;
	return word & ((1ULL << (8 * bytes)) - 1);
}

INLINE void resp_take_name(struct resp_walk *w, u32 at, u32 length)
{
	struct resp *r = w->r;

	r->name[0] = resp_upper(resp_head(resp_word(w, at), length));
	r->name[1] = length > 8 ? resp_upper(resp_head(resp_word(w, at + 8), length - 8)) : 0;
	r->name[2] = length > 16 ? resp_upper(resp_head(resp_word(w, at + 16), length - 16)) : 0;
	resp_on_name(w);
}

/* keep what is left of the chunk for the next one; RESP_CARRY bytes are copied
 * whatever the length, since a fixed number is cheap */
INLINE long resp_keep(struct resp_walk *w)
{
	struct resp *r = w->r;

	for (u32 i = 0; i < RESP_CARRY / 8; i++)
		((u64 *)r->carry)[i] = resp_word(w, w->buf->pos + 8 * i);
	r->carried = w->buf->end - w->buf->pos;
	w->buf->pos = w->buf->end;
	return 1;
}

INLINE long resp_lose(struct resp_walk *w)
{
	struct resp *r = w->r;

	r->state = RESP_ADRIFT;
	r->skip = 0;
	w->buf->pos = w->buf->end;
	return 1;
}

/* Reads the header line at pos into number. Returns its length, 0 if its end has
 * not come yet, -1 if it is none. */
INLINE s32 resp_number(struct resp_walk *w)
{
	struct resp_buffer *buf = w->buf;
	u32 at = buf->pos + 1, from, i;
	u8 minus = resp_byte(w, at) == '-';
	s64 n = 0;
	u8 c;

	at += minus;
	buf->from = at;
	for (i = 0; i < 10; i++) {
		c = resp_byte(w, at);
		if (c < '0' || c > '9')
			break;
		n = n * 10 + (c - '0');
		at++;
	}
	buf->number = minus ? -n : n;
	buf->behind = at;
	/* the same values, of which the verifier now knows nothing */
	at = *(volatile u32 *)&buf->behind;
	from = *(volatile u32 *)&buf->from;
	if (at + 1 >= buf->end)
		return 0;
	if (at == from || resp_byte(w, at) != '\r')
		return -1;
	return at + 2 - buf->pos;
}

/* the present string has skip bytes more; a request ends with its last one */
INLINE long resp_skip(struct resp_walk *w)
{
	struct resp *r = w->r;
	u64 have = w->buf->end - w->buf->pos;

	if (r->skip > have) {
		r->skip -= have;
		w->buf->pos = w->buf->end;
		return 1;
	}
	w->buf->pos += r->skip;
	r->skip = 0;
	if (r->done)
		r->state = RESP_END;
	return 0;
}

INLINE long resp_bulk(struct resp_walk *w)
{
	struct resp_buffer *buf = w->buf;
	struct resp *r = w->r;
	s64 n, have, want;
	s32 line;

	if (resp_byte(w, buf->pos) != '$')
		return resp_lose(w);
	line = resp_number(w);
	if (!line)
		return resp_keep(w);
	n = buf->number;
	if (line < 0 || n < 0 || n > RESP_MAX_BULK)
		return resp_lose(w);
	if (r->first < 2) {
		want = r->first ? RESP_ARG : RESP_NAME;
		if (want > n)
			want = n;
		have = (s64)buf->end - buf->pos - line;
		if (have < want)
			return resp_keep(w);
		if (r->first)
			resp_on_argument(w, buf->pos + line, have < n ? have : n, n);
		else
			resp_take_name(w, buf->pos + line, n);
		r->first++;
	}
	r->args--;
	r->done = !r->args;
	r->skip = n + 2;
	buf->pos += line;
	return resp_skip(w);
}

INLINE int resp_is_blank(u8 c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* before the name of an inline command */
INLINE long resp_blank(struct resp_walk *w)
{
	struct resp_buffer *buf = w->buf;
	u8 c = resp_byte(w, buf->pos);
	u32 i, length;

	if (c == '\n' || resp_is_blank(c)) {
		buf->pos++;
		if (c == '\n')
			w->r->state = RESP_REQUEST;
		return 0;
	}
	for (i = 0; i < RESP_NAME; i++) {
		c = resp_byte(w, buf->pos + i);
		if (resp_is_blank(c) || c == '\n')
			break;
	}
	buf->behind = i;
	length = *(volatile u32 *)&buf->behind;
	if (buf->pos + length >= buf->end)
		return resp_keep(w);
	resp_take_name(w, buf->pos, length);
	buf->pos += length;
	w->r->state = RESP_INLINE;
	return 0;
}

/* behind the name of an inline command */
INLINE long resp_inline(struct resp_walk *w)
{
	if (resp_byte(w, w->buf->pos++) == '\n')
		w->r->state = RESP_END;
	return 0;
}

INLINE long resp_start(struct resp_walk *w)
{
	struct resp_buffer *buf = w->buf;
	struct resp *r = w->r;
	u8 c = resp_byte(w, buf->pos);
	s32 line;

	r->args = 0;
	r->argc = 0;
	r->first = 0;
	r->done = 0;
	if (c == 0x16 || c == 0x17) { /* a TLS record: handshake, application data */
		r->state = RESP_TLS;
		return 1;
	}
	if (c != '*') {
		r->state = RESP_BLANK;
		return 0;
	}
	line = resp_number(w);
	if (!line)
		return resp_keep(w);
	if (line < 0 || buf->number > RESP_MAX_ARGS)
		return resp_lose(w);
	buf->pos += line;
	if (buf->number > 0) { /* servers take *0 and *-1 for nothing */
		r->args = buf->number;
		r->argc = buf->number;
		r->state = RESP_BULKS;
	}
	return 0;
}

/* One step: a header line with as much of its string as there is, or a piece of an
 * inline command. Returns 1 when the chunk has no more for it. */
INLINE long resp_step(struct resp_walk *w)
{
	struct resp *r = w->r;
	long end = 1;

	if (w->buf->pos >= w->buf->end)
		return 1;
	if (r->skip)
		end = resp_skip(w);
	else if (r->state == RESP_BULKS)
		end = resp_bulk(w);
	else if (r->state == RESP_REQUEST)
		end = resp_start(w);
	else if (r->state == RESP_INLINE)
		end = resp_inline(w);
	else if (r->state == RESP_BLANK)
		end = resp_blank(w);
	if (r->state == RESP_END) {
		r->state = RESP_REQUEST;
		resp_on_request(w);
	}
	return end;
}

/* Put what was carried over before the chunk that is about to be filled. */
INLINE void resp_restore(struct resp_walk *w)
{
	struct resp *r = w->r;

	w->buf->pos = RESP_CARRY;
	if (!r->carried)
		return;
	w->buf->pos -= r->carried & 63;
	for (u32 i = 0; i < RESP_CARRY / 8; i++)
		*(u64 *)(w->buf->b + ((w->buf->pos + 8 * i) & RESP_MASK)) = ((u64 *)r->carry)[i];
	r->carried = 0;
}

/* How many bytes of a read of length are to be copied next, from *at on; 0 at its
 * end. What lies within a long string is passed over, but never all of it: the
 * reader has to see the end. */
INLINE u64 resp_plan(struct resp *r, u64 length, u64 *at)
{
	u64 n = length - *at;

	if (*at >= length)
		return 0;
	if (r->skip > n) {
		r->skip -= n;
		return 0;
	}
	if (r->skip > 2) {
		n -= r->skip - 2;
		*at += r->skip - 2;
		r->skip = 2;
	}
	return n < RESP_CHUNK ? n : RESP_CHUNK;
}

/* Whether a reader that is adrift may go on with this read of length bytes, whose
 * beginning lies at RESP_CARRY: it looks like the beginning of an array. Text might
 * be an inline command, or the end of anybody's value. */
INLINE int resp_resync(struct resp_walk *w, u64 length)
{
	struct resp *r = w->r;
	u8 c = resp_byte(w, RESP_CARRY);
	u8 d = length > 1 ? resp_byte(w, RESP_CARRY + 1) : 0;

	w->buf->pos = RESP_CARRY;
	if (c == '*' && d >= '1' && d <= '9') {
		r->resyncs++;
		r->state = RESP_REQUEST;
		return 1;
	}
	if ((c == 0x16 || c == 0x17) && d == 3)
		r->state = RESP_TLS;
	return 0;
}

#endif
