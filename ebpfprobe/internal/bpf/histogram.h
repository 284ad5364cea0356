/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* The histogram of package report: buckets of at most 12.5 % width. */
#ifndef CLEW_HISTOGRAM_H
#define CLEW_HISTOGRAM_H

#include "kernel.h"

#define BUCKETS 312

struct histogram {
	u64 sum;
	u64 max;
	u64 buckets[BUCKETS];
};

/* floor(log2(v)), v > 0: BPF has no instruction for it */
INLINE u32 log2_u64(u64 v)
{
	u32 r = 0;

	if (v >> 32) { r += 32; v >>= 32; }
	if (v >> 16) { r += 16; v >>= 16; }
	if (v >> 8) { r += 8; v >>= 8; }
	if (v >> 4) { r += 4; v >>= 4; }
	if (v >> 2) { r += 2; v >>= 2; }
	return r + (v >> 1);
}

INLINE u32 bucket_of(u64 v)
{
	u32 e;

	if (v < 8)
		return v;
	e = log2_u64(v);
	if (e > 40)
		return BUCKETS - 1;
	return (e - 2) * 8 + ((v >> (e - 3)) & 7);
}

/* several threads of a server may count at once */
INLINE void histogram_record(struct histogram *h, u64 v, u64 n)
{
	u32 b = bucket_of(v);
	u64 old = h->max;

	if (b >= BUCKETS)
		return;
	__sync_fetch_and_add(&h->buckets[b], n);
	__sync_fetch_and_add(&h->sum, v * n);
	for (int i = 0; i < 4 && v > old; i++) {
		u64 seen = __sync_val_compare_and_swap(&h->max, old, v);

		if (seen == old)
			break;
		old = seen;
	}
}

/* what was recorded as v turns out to be more: the reply went on */
INLINE void histogram_amend(struct histogram *h, u64 v, u64 more, u64 n)
{
	u32 b = bucket_of(v);

	if (b >= BUCKETS)
		return;
	__sync_fetch_and_add(&h->buckets[b], -n);
	__sync_fetch_and_add(&h->sum, -(v * n));
	histogram_record(h, more, n);
}

#endif
