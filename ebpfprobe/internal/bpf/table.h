/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* A table of histograms that grows as needed. */
#ifndef CLEW_TABLE_H
#define CLEW_TABLE_H

#include "histogram.h"

/* to make a new entry from: one is too large for the stack */
struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct histogram);
} empty SEC(".maps");

/* values that found no room */
volatile u64 lost;

INLINE void table_record(void *table, const void *key, u64 value)
{
	struct histogram *h = bpf_map_lookup_elem(table, key);

	if (!h) {
		u32 zero = 0;
		void *nothing = bpf_map_lookup_elem(&empty, &zero);

		if (nothing)
			bpf_map_update_elem(table, key, nothing, BPF_NOEXIST);
		/* or another thread made it meanwhile */
		h = bpf_map_lookup_elem(table, key);
	}
	if (h)
		histogram_record(h, value, 1);
	else
		__sync_fetch_and_add(&lost, 1);
}

#endif
