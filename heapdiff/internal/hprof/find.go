package hprof

import (
	"cmp"
	"slices"
)

// Block is a stretch of whole heap records with the range of their object ids.
// It is what finds a single object again without an index of all: a dump is
// about in the order of addresses, so few blocks can hold one id.
type Block struct {
	Begin, End int64
	Lo, Hi     uint64
}

// SetBlocks tells the file its blocks, as a walk has found them. Later walks go
// block by block, so that even a dump of a single record is walked in parallel,
// and Find works.
func (f *File) SetBlocks(blocks []Block) {
	slices.SortFunc(blocks, func(a, b Block) int { return cmp.Compare(a.Begin, b.Begin) })
	f.blocks = blocks
	f.segs = f.segs[:0]
	for _, b := range blocks {
		f.segs = append(f.segs, segment{b.Begin, b.End})
	}
}

// Find calls v for the records of the blocks that may hold an object of one of
// the ids; it is v's to pick them out.
func (f *File) Find(ids []uint64, v Visitor) error {
	var segs []segment
	for _, b := range f.blocks {
		if slices.ContainsFunc(ids, func(id uint64) bool { return id >= b.Lo && id <= b.Hi }) {
			segs = append(segs, segment{b.Begin, b.End})
		}
	}
	_, _, err := f.walkBatch(segs, &v)
	return err
}
