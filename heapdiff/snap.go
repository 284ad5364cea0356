package heapdiff

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/attach"
	"github.com/clewhq/clew/heapdiff/internal/genmap"
)

// SnapOptions say how to take a snapshot of a running JVM.
type SnapOptions struct {
	// Options are for the reading of the dump; Maps is ignored.
	Options
	// Keep is the file that the dump goes to; its map goes to MapBeside(Keep).
	// With an empty Keep no file is left.
	Keep string
	// Dir is where the JVM writes its dump, as the JVM names it; empty is /tmp.
	// It needs room for the whole heap.
	Dir string
	// Tries is how often a dump is taken that no collection comes between; 0 is as
	// often as goes into fifteen seconds, three times at least.
	Tries int
}

// commandTimeout is for the commands that only print. A JVM that is out of
// memory, or at a safepoint that does not come, would never answer.
const commandTimeout = 30 * time.Second

// Snap takes a snapshot of the HotSpot JVM with this pid: its generation map, a
// dump with the garbage in it and without a collection before it, and the map
// again. When a collection ran in between, the snapshot is taken again just after
// another one; in the end it is refused with ErrInconsistent, or goes on by
// Options.AllowApproximate.
//
// It stops the JVM for as long as the dump takes. Linux only.
func Snap(ctx context.Context, pid int, o SnapOptions) (*Snapshot, error) {
	vm, err := attach.Open(ctx, pid)
	if err != nil {
		return nil, fmt.Errorf("take a snapshot of pid %d: %w", pid, err)
	}
	if o.Dir == "" {
		o.Dir = "/tmp"
	}
	s, err := snapPatiently(ctx, vm, o)
	if err != nil {
		return nil, fmt.Errorf("take a snapshot of pid %d: %w", pid, err)
	}
	s.Source = fmt.Sprintf("pid:%d", pid)
	return s, nil
}

// snapOnce takes one dump between two maps.
func snapOnce(ctx context.Context, vm *attach.VM, o SnapOptions) (_ *Snapshot, err error) {
	before, why := layout(ctx, vm)
	if silent(why) || errors.Is(why, ErrInconsistent) {
		return nil, why // a dump that a silent one is asked for it would write when nobody waits
	}
	name, err := dumpName(o.Dir, vm)
	if err != nil {
		return nil, err
	}
	// The way through the JVM's root ends with the JVM; an open directory stays,
	// so that what a dying JVM has written can be taken away.
	dir, err := os.Open(filepath.Join(vm.Root(), o.Dir))
	if err != nil {
		return nil, fmt.Errorf("the directory for the dump: %w (--dump-dir chooses another)", err)
	}
	defer func() { _ = dir.Close() }() // nothing was written to it
	open := fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	dump := filepath.Join(open, filepath.Base(name))
	defer func() {
		if rm := removeParts(open, filepath.Base(name)); err == nil {
			err = rm
		}
	}()
	began := awaitBegin(vm, dump+firstPart)
	err = heapDump(ctx, vm, name)
	counters := began()
	if err != nil {
		return nil, err
	}
	maps := []string{""}
	if why == nil {
		after, err := layout(ctx, vm)
		if err != nil {
			return nil, fmt.Errorf("the layout of the heap after the dump: %w", err)
		}
		before = genmap.Mark + " before the dump\n" + before
		maps[0] = before + genmap.Mark + " after the dump\n" + after
		if counters != "" {
			maps = append(maps, before+genmap.Mark+genmap.Began+"\n"+counters)
		}
	}
	return readDump(ctx, dump, maps, why, o)
}

// silent tells an error of the connection from what the JVM answers.
func silent(err error) bool {
	var refused *attach.CommandError
	return err != nil && !errors.As(err, &refused) && !errors.Is(err, errLayout)
}

// errLayout is the class of errors for an answer that shows no layout.
var errLayout = errors.New("no layout of the heap")

// readDump reads a dump with the first of the maps that fits, and keeps both if the
// user wants them. Of maps of which none fits the first is approximate.
func readDump(ctx context.Context, dump string, maps []string, why error, o SnapOptions) (*Snapshot, error) {
	strict := o
	strict.AllowApproximate = false
	var inconsistent error
	for _, text := range maps {
		s, err := readWith(ctx, dump, text, why, strict)
		if !errors.Is(err, ErrInconsistent) {
			return s, err
		}
		if inconsistent == nil {
			inconsistent = err
		}
	}
	if o.AllowApproximate {
		return readWith(ctx, dump, maps[0], why, o)
	}
	return nil, inconsistent
}

// readWith reads a dump with the map in text, if there is one; else why says why.
func readWith(ctx context.Context, dump, text string, why error, o SnapOptions) (*Snapshot, error) {
	o.Maps = nil
	if text != "" {
		file, remove, err := tempFile(o.TempDir, text)
		if err != nil {
			return nil, err
		}
		defer remove()
		o.Maps = []string{file}
	}
	s, err := Read(ctx, dump, o.Options)
	if err != nil {
		return nil, err
	}
	if why != nil && !errors.Is(why, genmap.ErrNoGenerations) {
		s.Warnings = append(s.Warnings, "the JVM does not tell the layout of its heap: "+why.Error())
	}
	if o.Keep == "" {
		return s, nil
	}
	return s, keep(dump, o.Keep, text)
}

// layout asks for what tells the generations: the heap's regions and how often
// collectors ran. Of VM.info only the heap block is kept, for the rest holds
// environment variables, and of the counters those of collectors.
func layout(ctx context.Context, vm *attach.VM) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandTimeout, errors.New("the JVM does not answer; it may be out of memory or stopped"))
	defer cancel()
	var out strings.Builder
	if err := collections(vm, &out); err != nil {
		return "", err
	}
	var refused *attach.CommandError
	info, err := jcmd(ctx, vm, "VM.info")
	if errors.As(err, &refused) { // JDK 8 does not know it
		info, err = jcmd(ctx, vm, "GC.heap_info")
	}
	if err != nil {
		return "", err
	}
	out.WriteString(genmap.Block(info))
	_, err = genmap.Parse(out.String())
	switch {
	case errors.Is(err, genmap.ErrTorn): // the next one may be whole
		return "", fmt.Errorf("%w: %w", ErrInconsistent, err)
	case err != nil && !errors.Is(err, genmap.ErrNoGenerations):
		return "", fmt.Errorf("%w: %w", errLayout, err)
	}
	return out.String(), nil
}

func jcmd(ctx context.Context, vm *attach.VM, command string) (string, error) {
	r, err := vm.Jcmd(ctx, command)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }() // it was read to its end, or the error says so
	b, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("read the answer to %s: %w", command, err)
	}
	return string(b), nil
}

// heapDump makes the JVM write its heap, garbage too, which takes no collection.
func heapDump(ctx context.Context, vm *attach.VM, name string) error {
	answer, err := jcmd(ctx, vm, `GC.heap_dump -all "`+name+`"`) // without quotes a blank or = would end the name
	if err != nil {
		return err
	}
	if !strings.Contains(answer, "Heap dump file created") {
		lines := strings.Split(strings.TrimSpace(answer), "\n") // the first repeats the name
		return fmt.Errorf("the JVM could not write its heap to %s: %s (--dump-dir chooses another place)", name, lines[len(lines)-1])
	}
	return nil
}

// dumpName is a name in dir that nobody else guesses: the JVM would follow a link
// that lies there.
func dumpName(dir string, vm *attach.VM) (string, error) {
	if strings.ContainsAny(dir, "\n\"") {
		return "", fmt.Errorf("the directory %q for the dump has a quote or a line break in its name, which the JVM's commands do not take", dir)
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("heapdiff-%d-%s.hprof", vm.NamespacePID(), hex.EncodeToString(b[:]))), nil
}

func tempFile(dir, text string) (string, func(), error) {
	f, err := os.CreateTemp(dir, "heapdiff-*.map.txt")
	if err != nil {
		return "", nil, err
	}
	_, err = f.WriteString(text)
	remove := func() { _ = os.Remove(f.Name()) } // in the temporary directory nobody misses it
	if err := errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, err
	}
	return f.Name(), remove, nil
}

// keep copies the dump and its map to where the user wants them, each whole or
// not at all.
func keep(dump, to, mapText string) error {
	beside := MapBeside(to)
	if mapText == "" { // an earlier snapshot of this name may have left one
		if err := os.Remove(beside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	} else if err := whole(beside, strings.NewReader(mapText)); err != nil {
		return err
	}
	f, err := os.Open(dump)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	if err := whole(to, f); err != nil {
		_ = os.Remove(beside) // a map without its dump
		return err
	}
	return nil
}

func whole(path string, r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".heapdiff-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
