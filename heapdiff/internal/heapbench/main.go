// Heapbench measures heapdiff beside others on heap dumps that it makes:
//
//	go run ./heapdiff/internal/heapbench -mb 1000 histogram
//	go run ./heapdiff/internal/heapbench -mb 1000 -rounds 3 retained
//	go run ./heapdiff/internal/heapbench -mb 4000 linear
//	go run ./heapdiff/internal/heapbench -mb 4000 budget
//	go run ./heapdiff/internal/heapbench -mb 126 same
//
// histogram compares the classes by generation with a bare walk over the records
// and with hprof-slurp; retained the retained sizes with the library of VisualVM;
// linear the time for an object with that in a dump of 126 MB; budget a run under a
// memory limit with one without; same sets the largest retained sizes against the
// library's. It needs a JDK, and cargo for hprof-slurp.
// Dumps, programs and libraries stay in -dir; nothing else is written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "heapbench:", err)
		os.Exit(2) //nolint:forbidigo,gocritic // a tool of the developers; nothing is left to stop
	}
}

// bench is one run of this program.
type bench struct {
	dir    string // for all that is made
	mb     int
	rounds int
	limit  string
	heap   string // of the rival's JVM

	program string // heapdiff
	dump    string
}

func run(ctx context.Context) error {
	b := &bench{}
	flag.StringVar(&b.dir, "dir", filepath.Join(".cache", "heapbench"), "directory for dumps, programs and libraries")
	flag.IntVar(&b.mb, "mb", 126, "size of the dump in MB")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds, in each of which all are measured")
	flag.StringVar(&b.limit, "max-mem", "512MiB", "limit of the budget run")
	flag.StringVar(&b.heap, "heap", "4g", "heap of the JVM in which VisualVM's library runs")
	flag.StringVar(&b.dump, "dump", "", "measure this dump instead of making one")
	flag.Parse()
	verbs := map[string]func(context.Context) error{
		"histogram": b.histogram, "retained": b.retained, "linear": b.linear, "budget": b.budget, "same": b.same,
	}
	verb, ok := verbs[flag.Arg(0)]
	if !ok || flag.NArg() != 1 || b.rounds < 1 || b.mb < 1 {
		return errors.New("want one of histogram, retained, linear, budget, same; -h tells the flags, which come first")
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	return verb(ctx)
}

// prepare builds heapdiff and makes the dump, unless it is there from before.
func (b *bench) prepare(ctx context.Context) error {
	var err error
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.program = filepath.Join(b.dir, "heapdiff")
	if err := command(ctx, "go", "build", "-o", b.program, "github.com/clewhq/clew/cmd/heapdiff"); err != nil {
		return err
	}
	if b.dump == "" {
		if b.dump, err = b.makeDump(ctx, b.mb); err != nil {
			return err
		}
	}
	info, err := os.Stat(b.dump)
	if err != nil {
		return err
	}
	say("%s: %d MB", b.dump, info.Size()/1e6)
	return nil
}

func say(format string, args ...any) {
	fmt.Fprintln(os.Stdout, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}
