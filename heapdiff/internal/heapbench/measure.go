package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"
)

// cost is what one run took.
type cost struct {
	wall      time.Duration
	anonymous int64 // peak resident bytes that no file backs
	resident  int64 // peak resident bytes, mapped files included
}

// measured runs a program and returns what it printed and what it took.
func measured(ctx context.Context, name string, args ...string) (string, cost, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return "", cost{}, err
	}
	stop := watch(cmd.Process.Pid)
	err := cmd.Wait()
	c := cost{wall: time.Since(start)}
	c.anonymous, c.resident = stop()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), c, err
}

// watch samples the memory of a process until the function it returns is called.
// VmHWM is the kernel's own peak; the anonymous part has none and is sampled.
func watch(pid int) func() (anonymous, resident int64) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var anonymous, resident int64
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // 0 where there is none
			anonymous = max(anonymous, statusBytes(status, "RssAnon:"))
			resident = max(resident, statusBytes(status, "VmHWM:"))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() (int64, int64) {
		close(done)
		wg.Wait()
		return anonymous, resident
	}
}

func statusBytes(status []byte, name string) int64 {
	_, rest, ok := bytes.Cut(status, []byte(name))
	if f := bytes.Fields(rest); ok && len(f) > 0 {
		kb, err := strconv.ParseInt(string(f[0]), 10, 64)
		if err == nil {
			return kb << 10
		}
	}
	return 0
}

// series are the costs of one contender, a round each.
type series struct {
	name string
	runs []cost
}

func (s *series) walls() []time.Duration {
	out := make([]time.Duration, 0, len(s.runs))
	for _, c := range s.runs {
		out = append(out, c.wall)
	}
	slices.Sort(out)
	return out
}

func (s *series) median() time.Duration { return s.walls()[len(s.runs)/2] }

func (s *series) peak(of func(cost) int64) (most int64) {
	for _, c := range s.runs {
		most = max(most, of(c))
	}
	return most
}

// print is a line: median, spread, memory.
func (s *series) print() {
	w := s.walls()
	line := fmt.Sprintf("%-28s %8.3f s [%.3f–%.3f]", s.name, s.median().Seconds(), w[0].Seconds(), w[len(w)-1].Seconds())
	if resident := s.peak(func(c cost) int64 { return c.resident }); resident > 0 {
		line += fmt.Sprintf("  anonymous %d MB, resident %d MB", s.peak(func(c cost) int64 { return c.anonymous })/1e6, resident/1e6)
	}
	say("%s", line)
}

// faster says by how many times s is faster than o: the median and the spread of
// the ratios of the rounds, in which both ran one after the other.
func (s *series) faster(o *series) string {
	ratios := make([]float64, len(s.runs))
	for i := range s.runs {
		ratios[i] = o.runs[i].wall.Seconds() / s.runs[i].wall.Seconds()
	}
	slices.Sort(ratios)
	return fmt.Sprintf("%.2f× [%.2f–%.2f]", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
}
