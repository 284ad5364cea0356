/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/* Counting by name, by client, by prefix. */
#ifndef CLEW_SLOTS_H
#define CLEW_SLOTS_H

#include "maps.h"

/* eight characters as the word that the reader makes of them */
#define WORD(s) ((u64)(u8)(s)[0] | (u64)(u8)(s)[1] << 8 | (u64)(u8)(s)[2] << 16 | (u64)(u8)(s)[3] << 24 | \
		 (u64)(u8)(s)[4] << 32 | (u64)(u8)(s)[5] << 40 | (u64)(u8)(s)[6] << 48 | (u64)(u8)(s)[7] << 56)
#define HEAD(w, bytes) ((w) & ((1ULL << (8 * (bytes))) - 1))

INLINE u32 flags_of(const u64 *name)
{
	u64 w = name[0];

	if (w == WORD("SUBSCRIB") || w == WORD("PSUBSCRI") || w == WORD("SSUBSCRI") || w == WORD("MONITOR\0"))
		return FLAG_PUSHES;
	if (w == WORD("SYNC\0\0\0\0") || w == WORD("PSYNC\0\0\0"))
		return FLAG_REPLICA | FLAG_PUSHES;
	if (HEAD(w, 2) == WORD("BL\0\0\0\0\0\0") || HEAD(w, 2) == WORD("BR\0\0\0\0\0\0") ||
	    HEAD(w, 2) == WORD("BZ\0\0\0\0\0\0") || HEAD(w, 5) == WORD("XREAD\0\0\0") ||
	    HEAD(w, 4) == WORD("WAIT\0\0\0\0"))
		return FLAG_BLOCKING;
	return 0;
}

/* the place of what finds none */
INLINE u32 spare_slot(const struct slot_key *k)
{
	return k->kind * MAX_SERVERS + k->server;
}

INLINE u32 new_slot(const struct slot_key *k)
{
	struct info *i;
	u32 slot, *other;

	if (next_slot >= slots)
		return spare_slot(k);
	slot = __sync_fetch_and_add(&next_slot, 1);
	i = bpf_map_lookup_elem(&infos, &slot);
	if (!i)
		return spare_slot(k);
	if (k->kind == SLOT_COMMAND)
		i->flags = flags_of(k->name);
	if (bpf_map_update_elem(&names, k, &slot, BPF_NOEXIST)) {
		other = bpf_map_lookup_elem(&names, k); /* another thread was first */
		return other ? *other : spare_slot(k);
	}
	return slot;
}

INLINE u32 slot_of(const struct slot_key *k)
{
	u32 *slot = bpf_map_lookup_elem(&names, k);

	return slot ? *slot : new_slot(k);
}

INLINE struct histogram *histogram_of(u32 slot, u32 phase)
{
	u32 at = slot * phases + phase;

	return bpf_map_lookup_elem(&histograms, &at);
}

GLOBAL int record(u32 slot, u32 phase, u64 v, u32 n)
{
	struct histogram *h = histogram_of(slot, phase);

	if (h)
		histogram_record(h, v, n);
	return 0;
}

GLOBAL int amend(u32 slot, u64 v, u64 more, u32 n)
{
	struct histogram *h = histogram_of(slot, PHASE_SERVICE);

	if (h)
		histogram_amend(h, v, more, n);
	return 0;
}

#endif
