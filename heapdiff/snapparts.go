package heapdiff

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/attach"
)

// Since JDK 22 a JVM writes its dump in parts, NAME.p0 and so on, while it stands
// still (HeapDumper::dump, DumpMerger), and puts them together when the program
// runs again; with -parallel=1 too. In that time a busy collector often comes, and
// the map after the dump is of no use. But if nothing had been collected when there
// was a part, nothing was between the map before and the dump.

// firstPart is what the name of the first part ends with.
const firstPart = ".p0"

// partPoll is how often to look for the first part.
const partPoll = time.Millisecond

// awaitBegin looks for the first part of a dump, and then at the counters of
// collections. The function that it returns ends that and returns them, as text;
// nothing if the JVM writes no parts, or has no counters.
func awaitBegin(vm *attach.VM, part string) func() string {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var out strings.Builder
	wg.Go(func() {
		tick := time.NewTicker(partPoll)
		defer tick.Stop()
		for {
			if _, err := os.Lstat(part); err == nil {
				if err := collections(vm, &out); err != nil {
					out.Reset() // the map after the dump has to do
				}
				return
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() string {
		close(done)
		wg.Wait()
		return out.String()
	}
}

// removeParts removes a dump and its parts from dir, as far as they are there.
func removeParts(dir, name string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), name) {
			continue
		}
		if rm := os.Remove(filepath.Join(dir, f.Name())); rm != nil && !errors.Is(rm, os.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}
