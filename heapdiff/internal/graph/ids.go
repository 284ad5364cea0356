package graph

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// None is the index of an id that is not in the set.
const None = ^uint32(0)

// maxObjects leaves the top bit of an index free for the edges.
const maxObjects = math.MaxInt32

// ErrTooMany is returned for a heap with more objects than an index can count.
var ErrTooMany = errors.New("the heap has more than 2147483647 objects")

// IDs is the set of all object ids, numbered by address. It is a bitmap of the
// addresses divided by eight, in pages, with the count of all bits before each
// block beside its bits, so that a look-up touches one cache line: 1.14 bits for
// every eight bytes of heap instead of eight bytes an object.
type IDs struct {
	dir    []*page          // by page number less base
	base   uint64           // number of the first page
	sparse map[uint64]*page // instead of dir, when the pages lie far apart
	sorted []uint64         // instead of all this, when ids are no addresses
	n      int
}

// A block is one cache line: a count, then seven words of bits. A page covers
// 3.5 MiB of heap.
const (
	blockBits  = 7 * 64
	pageBlocks = 1024
	idShift    = 3
)

type page [pageBlocks][8]uint64

// Collector takes in ids from several goroutines.
type Collector struct {
	mu       sync.RWMutex
	pages    map[uint64]*page
	maxPages int
	unfit    atomic.Bool
	dups     atomic.Int64
}

// NewCollector returns a Collector for a dump of size bytes, which bounds the
// memory that a page for every id could take.
func NewCollector(size int64) *Collector {
	const pageSize = pageBlocks * 64
	return &Collector{pages: map[uint64]*page{}, maxPages: int(max(16, 2*size/pageSize))}
}

// Unfit tells that the ids are no addresses of a heap: they are not aligned, or
// scattered. They have to be collected by [Sorted].
func (c *Collector) Unfit() bool { return c.unfit.Load() }

// Duplicates is how many ids came more than once.
func (c *Collector) Duplicates() int64 { return c.dups.Load() }

// Adder adds ids for one goroutine.
type Adder struct {
	c    *Collector
	num  uint64
	last *page
}

// Adder returns an Adder for the calling goroutine.
func (c *Collector) Adder() *Adder { return &Adder{c: c} }

// Add adds an id.
func (a *Adder) Add(id uint64) {
	if id&(1<<idShift-1) != 0 {
		a.c.unfit.Store(true)
		return
	}
	g := id >> idShift
	block := g / blockBits
	num := block / pageBlocks
	if a.last == nil || num != a.num {
		if a.last = a.c.page(num); a.last == nil {
			return
		}
		a.num = num
	}
	bit := g - block*blockBits
	mask := uint64(1) << (bit & 63)
	if atomic.OrUint64(&a.last[block%pageBlocks][1+bit/64], mask)&mask != 0 {
		a.c.dups.Add(1)
	}
}

func (c *Collector) page(num uint64) *page {
	c.mu.RLock()
	p := c.pages[num]
	c.mu.RUnlock()
	if p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pages[num]; p != nil {
		return p
	}
	if len(c.pages) >= c.maxPages {
		c.unfit.Store(true)
		return nil
	}
	p = new(page)
	c.pages[num] = p
	return p
}

// How many pages the directory may span: at most 16 MiB of pointers, for 3.6 TiB,
// and for few pages an eighth of their own memory.
const (
	maxDir     = 1 << 20
	dirPerPage = pageBlocks
)

// IDs numbers the ids. The collector must not be used after.
func (c *Collector) IDs() (*IDs, error) {
	nums := make([]uint64, 0, len(c.pages))
	for num := range c.pages {
		nums = append(nums, num)
	}
	slices.Sort(nums)
	var n uint64
	for _, num := range nums {
		for b := range c.pages[num] {
			blk := &c.pages[num][b]
			blk[0] = n
			for _, w := range blk[1:] {
				n += uint64(bits.OnesCount64(w))
			}
		}
	}
	if n > maxObjects {
		return nil, ErrTooMany
	}
	s := &IDs{n: int(n)}
	if len(nums) == 0 {
		return s, nil
	}
	if nums[len(nums)-1]-nums[0] >= uint64(min(maxDir, dirPerPage*len(nums))) {
		s.sparse = c.pages
		return s, nil
	}
	s.base = nums[0]
	s.dir = make([]*page, nums[len(nums)-1]-nums[0]+1)
	for num, p := range c.pages {
		s.dir[num-s.base] = p
	}
	return s, nil
}

// Sorted numbers ids of any kind, at eight bytes an object. It sorts ids in place
// and keeps them; meter counts how often it touches them.
func Sorted(ids []uint64, meter *Meter) (s *IDs, duplicates int64, err error) {
	slices.SortFunc(ids, func(x, y uint64) int {
		meter.Touch(1)
		return cmp.Compare(x, y)
	})
	n := len(ids)
	ids = slices.Compact(ids)
	if len(ids) > maxObjects {
		return nil, 0, ErrTooMany
	}
	return &IDs{sorted: ids, n: len(ids)}, int64(n - len(ids)), nil
}

// Len is the number of ids.
func (s *IDs) Len() int { return s.n }

// Index returns the number of id, or None.
func (s *IDs) Index(id uint64) uint32 {
	if s.sorted != nil {
		i, ok := slices.BinarySearch(s.sorted, id)
		if !ok {
			return None
		}
		return uint32(i)
	}
	g := id >> idShift
	block := g / blockBits
	p := s.page(block / pageBlocks)
	if p == nil || id&(1<<idShift-1) != 0 {
		return None
	}
	blk := &p[block%pageBlocks]
	bit := g - block*blockBits
	w, mask := 1+bit/64, uint64(1)<<(bit&63)
	if blk[w]&mask == 0 {
		return None
	}
	n := blk[0] + uint64(bits.OnesCount64(blk[w]&(mask-1)))
	for k := uint64(1); k < w; k++ {
		n += uint64(bits.OnesCount64(blk[k]))
	}
	return uint32(n)
}

func (s *IDs) page(num uint64) *page {
	if s.sparse != nil {
		return s.sparse[num]
	}
	i := num - s.base
	if i >= uint64(len(s.dir)) {
		return nil
	}
	return s.dir[i]
}

// ID returns the id with the given number, which must be below Len.
func (s *IDs) ID(index uint32) uint64 {
	if s.sorted != nil {
		return s.sorted[index]
	}
	var num uint64
	var p *page
	if s.sparse != nil {
		for n, q := range s.sparse { // few: one page spans 3.5 MiB
			if q[0][0] <= uint64(index) && (p == nil || q[0][0] > p[0][0] || q[0][0] == p[0][0] && n > num) {
				num, p = n, q
			}
		}
	} else {
		num, p = s.pageOf(uint64(index))
	}
	b, _ := slices.BinarySearchFunc(p[:], uint64(index)+1, func(blk [8]uint64, n uint64) int { return cmp.Compare(blk[0], n) })
	b--
	left := uint64(index) - p[b][0]
	for w := 1; ; w++ {
		ones := uint64(bits.OnesCount64(p[b][w]))
		if left >= ones {
			left -= ones
			continue
		}
		word := p[b][w]
		for range left {
			word &= word - 1
		}
		g := (num*pageBlocks+uint64(b))*blockBits + uint64(w-1)*64 + uint64(bits.TrailingZeros64(word))
		return g << idShift
	}
}

// pageOf finds the last page in dir that begins at or before the n-th id.
func (s *IDs) pageOf(n uint64) (uint64, *page) {
	lo, hi := 0, len(s.dir)-1
	best := 0
	for lo <= hi {
		mid := (lo + hi) / 2
		k := mid
		for k >= lo && s.dir[k] == nil {
			k--
		}
		if k < lo {
			lo = mid + 1
			continue
		}
		if s.dir[k][0][0] <= n {
			best, lo = k, mid+1
		} else {
			hi = k - 1
		}
	}
	return s.base + uint64(best), s.dir[best]
}

// All calls f for every id in order, with its number.
func (s *IDs) All(f func(index uint32, id uint64)) {
	for i, id := range s.sorted {
		f(uint32(i), id)
	}
	n := uint32(0)
	each := func(num uint64, p *page) {
		for b := range p {
			first := (num*pageBlocks + uint64(b)) * blockBits
			for w, word := range p[b][1:] {
				for ; word != 0; word &= word - 1 {
					f(n, (first+uint64(w)*64+uint64(bits.TrailingZeros64(word)))<<idShift)
					n++
				}
			}
		}
	}
	for i, p := range s.dir {
		if p != nil {
			each(s.base+uint64(i), p)
		}
	}
	if s.sparse != nil {
		nums := make([]uint64, 0, len(s.sparse))
		for num := range s.sparse {
			nums = append(nums, num)
		}
		slices.Sort(nums)
		for _, num := range nums {
			each(num, s.sparse[num])
		}
	}
}
