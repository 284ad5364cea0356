//go:build !propagate_noambient

package propagate

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"unsafe"
)

// TestForgedLabels plays a program that does whatever the exported functions
// allow with the strings it finds among its labels: copy, cut, join, pair and
// keep them beyond the life of their span. No forged label may be taken for a
// context, and none may make this package read memory that the label does not
// own. (Run it with -race too: that turns checkptr on; and with
// GODEBUG=clobberfree=1.)
func TestForgedLabels(t *testing.T) {
	needAmbient(t)
	a, b := newRef(), newRef()
	u := New(newSpan(0), Ref{})
	key, val := shownLabels(a)
	_, valB := shownLabels(b)
	ukey, uval := shownLabels(u)
	clone := strings.Clone
	cellImage := image(a)
	pad := func(s string) string {
		return clone(strings.Repeat("x", 500) + s + strings.Repeat("y", 500))[500 : 500+len(s)]
	}

	for _, f := range []struct {
		name string
		kv   []string
		want Ref
	}{
		{"our own, untouched", []string{key["trace_id"], val["trace_id"]}, a},
		{"span id alone, untouched", []string{key["span_id"], val["span_id"]}, a},
		{"flags, untouched", []string{ukey["trace_flags"], uval["trace_flags"]}, u},
		{"cloned key", []string{clone(key["trace_id"]), val["trace_id"]}, Ref{}},
		{"cloned value", []string{key["trace_id"], clone(val["trace_id"])}, Ref{}},
		{"cloned flags", []string{ukey["trace_flags"], clone(uval["trace_flags"])}, Ref{}},
		{"constant flags", []string{ukey["trace_flags"], "00"}, Ref{}},
		{"both cloned", []string{clone(key["trace_id"]), clone(val["trace_id"])}, Ref{}},
		{"constant key", []string{"trace_id", val["trace_id"]}, Ref{}},
		{"value in a larger string", []string{key["trace_id"], pad(val["trace_id"])}, Ref{}},
		{"short value", []string{key["trace_id"], val["trace_id"][:31]}, Ref{}},
		{"empty value", []string{key["trace_id"], ""}, Ref{}},
		{"value's tail", []string{key["span_id"], val["trace_id"][16:]}, Ref{}},
		{"value's middle", []string{key["span_id"], val["trace_id"][8:24]}, Ref{}},
		{"span id under the trace key", []string{key["trace_id"], val["span_id"]}, Ref{}},
		{"trace id under the span key", []string{key["span_id"], val["trace_id"]}, Ref{}},
		{"flags under the span key", []string{key["span_id"], uval["trace_flags"]}, Ref{}},
		{"two digits under the flags key", []string{ukey["trace_flags"], val["trace_id"][:2]}, Ref{}},
		{"image of a cell, value within", []string{key["trace_id"], cellImage[hexOffset : hexOffset+traceLen]}, Ref{}},
		{"image of a cell, span within", []string{key["span_id"], cellImage[hexOffset+traceLen : hexOffset+hexLen]}, Ref{}},
		{"ids joined by hand", []string{key["trace_id"], (clone(val["trace_id"]) + clone(val["span_id"]))[:32]}, Ref{}},
		{"two contexts' ids mixed", []string{key["span_id"], clone(val["span_id"]), key["trace_id"], valB["trace_id"]}, b},
		{"one byte of a long string", []string{key["trace_id"], strings.Repeat("0", 1<<20)[1<<19 : 1<<19+32]}, Ref{}},
	} {
		t.Run(f.name, func(t *testing.T) {
			pprof.Do(bg, pprof.Labels(f.kv...), func(context.Context) {
				want(t, "Current", Current(), f.want)
				done := make(chan Ref)
				go func() { done <- Current() }()
				want(t, "child's Current", <-done, f.want)
				r := newRef()
				scope := r.Enter()
				want(t, "entered above it", Current(), r)
				scope.Leave()
				want(t, "left again", Current(), f.want)
			})
		})
	}
	runtime.KeepAlive([]Ref{a, b, u})
}

// shownLabels returns keys and values as a user gets them, by name.
func shownLabels(r Ref) (key, val map[string]string) {
	key, val = map[string]string{}, map[string]string{}
	pprof.ForLabels(NewContext(bg, r), func(k, v string) bool {
		key[k], val[k] = k, v
		return true
	})
	return key, val
}

// image returns a string that is, byte by byte, what r's cell looks like.
func image(r Ref) string {
	return string(bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(r.c)), unsafe.Sizeof(*r.c))))
}

// TestOldLabelsPastCollection keeps a clone of each label of many spans, lets
// the spans be collected, and hunts for their addresses with new allocations
// of a cell's size, which it fills with what a cell looks like.
func TestOldLabelsPastCollection(t *testing.T) {
	needAmbient(t)
	type old struct {
		key, val string
		addr     uintptr
	}
	var (
		olds []old
		mine []*[unsafe.Sizeof(cell{})]byte
		hits int
	)
	byAddr := map[uintptr]bool{}
	for range 2000 {
		r := newRef()
		k, v := shownLabels(r)
		o := old{k["trace_id"], strings.Clone(v["trace_id"]), r.c.addr()}
		olds, byAddr[o.addr] = append(olds, o), true
	}
	seen := image(newRef())
	for range 4 {
		runtime.GC() // cells become garbage, are swept, and their cleanups run
	}
	for range 50_000 {
		m := new([unsafe.Sizeof(cell{})]byte)
		copy(m[:], seen)
		if byAddr[uintptr(unsafe.Pointer(m))] {
			hits++
		}
		mine = append(mine, m)
		fresh := newRef() // may well get an old address, unregistered
		if byAddr[fresh.c.addr()] {
			hits++
		}
	}
	for i, o := range olds {
		value := o.val
		if m := mine[i*len(mine)/len(olds)]; i%2 == 0 {
			value = unsafe.String(&m[hexOffset], traceLen)
		}
		pprof.Do(bg, pprof.Labels(o.key, value), func(context.Context) {
			want(t, "Current by an old label", Current(), Ref{})
		})
	}
	t.Logf("%d of %d new allocations lie where a registered cell was", hits, 2*len(mine))
}

// TestRegistryForgets registers cells and drops them: the table must shrink
// again, and an address used by a newer cell must be that cell's.
func TestRegistryForgets(t *testing.T) {
	needAmbient(t)
	before := registered()
	kept := newRef()
	shownLabels(kept)
	for range 10_000 {
		shownLabels(newRef())
	}
	waitFor(t, "the registry to forget collected cells", func() bool {
		runtime.GC()
		return registered() <= before+1
	})
	if find(kept.c.addr()) != kept.c {
		t.Error("the registry forgot a cell that is in use")
	}
	// A cleanup that comes late, after the address has a new owner.
	stale := entry{addr: kept.c.addr()}
	forget(stale)
	if find(kept.c.addr()) != kept.c {
		t.Error("a late cleanup removed the address's new owner")
	}
}

func registered() (n int) {
	for i := range registry {
		s := &registry[i]
		s.mu.RLock()
		n += len(s.cells)
		s.mu.RUnlock()
	}
	return n
}

// TestForeignSets puts label sets of many shapes on a goroutine the way the
// runtime allocates them: none may refer to itself.
func TestForeignSets(t *testing.T) {
	needAmbient(t)
	for n := range 300 {
		kv := make([]string, 0, 2*n)
		for i := range n {
			kv = append(kv, fmt.Sprintf("k%03d", i), "v")
		}
		for range 30 {
			pprof.Do(bg, pprof.Labels(kv...), func(context.Context) {
				if p := runtime_getProfLabel(); own(p) != nil {
					t.Fatalf("a set of %d labels made by runtime/pprof is taken for ours", n)
				}
				want(t, "Current", Current(), Ref{})
			})
		}
	}
}

// FuzzLabels reads the context under labels made of pieces of ours, as data
// says, and expects either nothing or one of the two that exist.
func FuzzLabels(f *testing.F) {
	for _, seed := range [][]byte{nil, {0, 0, 0, 32}, {1, 1, 16, 32}, {2, 2, 0, 2}, {0, 0, 0, 32, 1, 4, 32, 48}, {0, 5, 104, 136}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		needAmbient(t)
		a, u := newRef(), New(newSpan(0), Ref{})
		key, val := shownLabels(a)
		ukey, uval := shownLabels(u)
		ks := []string{key["trace_id"], key["span_id"], ukey["trace_flags"], "trace_id"}
		vs := []string{val["trace_id"], val["span_id"], uval["trace_flags"], strings.Clone(val["trace_id"]), hex.EncodeToString(data), image(a)}
		var kv []string
		for ; len(data) >= 4; data = data[4:] {
			k, v := ks[int(data[0])%len(ks)], vs[int(data[1])%len(vs)]
			lo := min(int(data[2]), len(v))
			hi := max(lo, min(int(data[3]), len(v)))
			kv = append(kv, k, v[lo:hi])
		}
		pprof.Do(bg, pprof.Labels(kv...), func(context.Context) {
			if got := Current(); got != a && got != u && !got.IsZero() {
				t.Errorf("labels %q: found a context that does not exist", kv)
			}
			r := newRef()
			scope := r.Enter()
			want(t, "entered above", Current(), r)
			scope.Leave()
		})
	})
}

// TestConcurrentRegister shows one cell's labels from many goroutines at once.
func TestConcurrentRegister(t *testing.T) {
	needAmbient(t)
	for range 200 {
		r := newRef()
		ctx := NewContext(bg, r)
		done := make(chan Ref)
		for range 4 {
			Background(func() {
				go func() {
					pprof.Do(ctx, pprof.Labels("n", fmt.Sprint(rand.N(9))), func(context.Context) { done <- Current() })
				}()
			})
		}
		for range 4 {
			want(t, "Current", <-done, r)
		}
	}
}
