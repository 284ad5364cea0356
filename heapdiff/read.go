package heapdiff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/histogram"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

// ErrFormat is the class of errors for input that is in no known format.
var ErrFormat = errors.New("unknown format")

// ErrDamaged is the class of errors for input that breaks off or contradicts
// itself. The error names the place and what is lost; Options.Partial goes on
// with what is whole.
var ErrDamaged = errors.New("damaged input")

// ErrInconsistent is the class of errors for a generation map that does not
// belong to its dump. Options.AllowApproximate goes on nevertheless.
var ErrInconsistent = errors.New("generation map and dump disagree")

// Options say how to read a snapshot. The zero value reads everything that the
// format gives and fails on any doubt.
type Options struct {
	// Partial uses what is whole of damaged input and adds a warning.
	Partial bool
	// Stdin is what the source "-" reads; nil means that there is none.
	Stdin io.Reader
	// Maps are files with the generation map of a JVM: saved output of
	// VM.info, GC.heap_info or the GC log, taken just before or after the dump.
	Maps []string
	// AllowApproximate goes on with a map that does not fit, and says so in
	// Snapshot.Generations.
	AllowApproximate bool
	// Shallow leaves out all that needs the references: liveness, retained
	// sizes, holders. Memory then grows with the number of classes only.
	Shallow bool
	// MaxMem is the memory in bytes beyond which tables lie in scratch files;
	// 0 is no limit.
	MaxMem int64
	// TempDir is where scratch files are made; empty is os.TempDir.
	TempDir string
	// Workers is how many goroutines read; 0 is one for each CPU.
	Workers int
	// Reference and Header override the sizes in bytes of a reference and of an
	// object's header in a JVM, which a dump does not tell; 0 infers them.
	Reference, Header int
	// PathsTo asks for the paths to the largest objects of the class of that
	// name, or to the object whose id it is (0x…): Snapshot.Paths, JVM only.
	PathsTo string
	// MaxPaths is the greatest number of them; 0 is no limit.
	MaxPaths int
	// Progress, when not nil, is called now and then from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far the reading of a snapshot has come.
type Progress struct {
	Source string
	Stage  string  // "read", "references", "dominators", …
	Done   float64 // part of the stage that is done, 0 to 1
}

// format is one recognised kind of input.
type format struct {
	name  string
	sniff func(head []byte) bool
	read  func(ctx context.Context, in *input.Input, o Options) (*Snapshot, error)
}

// formats are asked in this order; a text format comes after the binary ones.
var formats = []format{
	{"hprof", hprof.Sniff, readJVM},
	{"summary", sniffSummary, readSummary},
	{"heap profile", sampled.Sniff, readSampled},
	{"class histogram", histogram.Sniff, readHistogram},
}

// Read reads the snapshot at source: a file, "-" for standard input, or an
// http(s) URL; plain, gzip or zstd. The format is recognised by content. The
// source "pid:N" takes a snapshot of the running process: see [Snap] for a JVM,
// and [GoEndpoint] for a Go program.
func Read(ctx context.Context, source string, o Options) (*Snapshot, error) {
	if n, ok := strings.CutPrefix(source, "pid:"); ok {
		pid, err := strconv.Atoi(n)
		if err != nil || pid < 1 {
			return nil, fmt.Errorf("read %s: want pid: and the number of a process", source)
		}
		return readProcess(ctx, pid, o)
	}
	in, err := input.Open(ctx, source, input.Options{TempDir: o.TempDir, Stdin: o.Stdin})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", input.Redact(source), err)
	}
	defer func() { _ = in.Close() }() // what it releases was only read
	if in.Damage != nil && !o.Partial {
		return nil, fmt.Errorf("read %s: %w: %w; --partial uses what is whole", in.Name, ErrDamaged, in.Damage)
	}
	for _, f := range formats {
		if !f.sniff(in.Data) {
			continue
		}
		s, err := f.read(ctx, in, o)
		if err != nil {
			return nil, fmt.Errorf("read %s: %s: %w", in.Name, f.name, err)
		}
		s.Source = in.Name
		if in.Damage != nil {
			s.Warnings = append(s.Warnings, in.Damage.Error())
		}
		return s, nil
	}
	return nil, fmt.Errorf("read %s: %w: it begins with %q; %s", in.Name, ErrFormat, in.Head(16), known)
}

// readProcess takes one snapshot of a running process.
func readProcess(ctx context.Context, pid int, o Options) (*Snapshot, error) {
	url, err := GoEndpoint(ctx, pid)
	if errors.Is(err, ErrNotGo) {
		return Snap(ctx, pid, SnapOptions{Options: o})
	}
	if err != nil {
		return nil, err
	}
	all, err := SnapGo(ctx, url, SnapGoOptions{Profiles: 1})
	if err != nil {
		return nil, err
	}
	all[0].Source = fmt.Sprintf("pid:%d", pid)
	return all[0], nil
}

const known = "known are hprof dumps, class histograms of jmap and jcmd, heap profiles of Go, jemalloc and tcmalloc, and .hds summaries"

// MapBeside is the file in which a generation map lies beside its dump when the
// user names none: dump.hprof.gz has dump.map.txt.
func MapBeside(dump string) string {
	for _, packing := range []string{".gz", ".zst"} {
		dump = strings.TrimSuffix(dump, packing)
	}
	return strings.TrimSuffix(dump, ".hprof") + ".map.txt"
}
