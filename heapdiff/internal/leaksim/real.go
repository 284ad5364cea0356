package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/heapdiff"
)

// watched runs n services with the leak and n without, and watches each as a user
// does: profiles over HTTP, each after another garbage collection.
func watched(ctx context.Context, n int, every time.Duration) (score, error) {
	s := score{runs: n}
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	free := make(chan struct{}, 4) // at once
	for range n {
		for _, leaking := range []bool{true, false} {
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				names, err := watch(ctx, leaking, every)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					errs = append(errs, err)
					return
				}
				s.add(leaking, names)
			})
		}
	}
	wg.Wait()
	return s, errors.Join(errs...)
}

const culprit = "main.keepForEver"

// add counts the outcome of one run: what was accused, the worst first.
func (s *score) add(leaking bool, names []string) {
	found := false
	for i, name := range names {
		switch {
		case leaking && name == culprit:
			found = true
			if i == 0 {
				s.first++
			}
		case leaking:
			s.falseWith++
		default:
			s.falseWithout++
		}
	}
	if leaking && !found {
		s.missed++
	}
}

// watch runs one service and returns what is accused.
func watch(ctx context.Context, leaking bool, every time.Duration) (names []string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, fmt.Sprintf("-serve=%v", leaking), "-child")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		if kill := cmd.Process.Kill(); kill != nil {
			err = errors.Join(err, kill)
		}
		var exit *exec.ExitError
		if wait := cmd.Wait(); !errors.As(wait, &exit) {
			err = errors.Join(err, wait)
		}
	}()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	snaps, err := heapdiff.SnapGo(ctx, strings.TrimSpace(addr), heapdiff.SnapGoOptions{Profiles: profiles, Every: every})
	if err != nil {
		return nil, err
	}
	d, err := heapdiff.Diff(snaps...)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stdout, "leaking %v: %s\n", leaking, d.Verdict)
	for _, s := range d.Suspects {
		names = append(names, s.Holder)
	}
	if leaking && !slices.Contains(names, culprit) {
		explain(d)
	}
	return names, nil
}

// explain prints how many sampled objects of the culprit each profile has, and what
// is said of it.
func explain(d *heapdiff.Delta) {
	for i := range d.Classes {
		c := &d.Classes[i]
		if !strings.Contains(c.Name, culprit) {
			continue
		}
		for _, at := range c.At {
			if at.Sample != nil {
				fmt.Fprintf(os.Stdout, "    %d", at.Sample.InUse)
			}
		}
		fmt.Fprintln(os.Stdout, " sampled objects")
	}
	for _, f := range d.Findings {
		if f.Subject == culprit {
			fmt.Fprintf(os.Stdout, "    %s: %s\n", f.Kind, f.Text)
		}
	}
}
