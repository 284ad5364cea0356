// Package hsperf reads the counters that a HotSpot JVM keeps in a file that other
// processes may map, /tmp/hsperfdata_USER/PID. jstat and jcmd PerfCounter.print
// read the same file; the JVM itself has no command for it. The layout is that of
// HotSpot's perfMemory.hpp, version 2.0, which JDK 5 to 25 write.
package hsperf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoCounters says that the JVM has no such file: it runs with -XX:-UsePerfData
// or -XX:+PerfDisableSharedMem.
var ErrNoCounters = errors.New("the JVM shares no counters")

// File finds the file of the process that calls itself pid, below root, its
// directory of files, such as /proc/4711/root.
func File(root string, pid int) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "tmp", "hsperfdata_*", strconv.Itoa(pid)))
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", ErrNoCounters
	case 1:
		return found[0], nil
	}
	// Another user's JVM had this pid once: the JVM that runs wrote last.
	newest, at := "", int64(0)
	for _, f := range found {
		if info, err := os.Stat(f); err == nil && (newest == "" || info.ModTime().UnixNano() > at) {
			newest, at = f, info.ModTime().UnixNano()
		}
	}
	if newest == "" {
		return "", ErrNoCounters
	}
	return newest, nil
}

const (
	magic      = 0xcafec0c0
	headerSize = 32
	entrySize  = 20
)

// Collections returns how often each collector has run, by its number and name,
// from the content of the file.
func Collections(b []byte) (map[string]int64, error) {
	longs, texts := map[string]int64{}, map[string]string{}
	if err := entries(b, longs, texts); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for name, n := range longs {
		rest, ok := strings.CutPrefix(name, "sun.gc.collector.")
		if !ok {
			continue
		}
		if number, ok := strings.CutSuffix(rest, ".invocations"); ok {
			out[strings.TrimSpace(number+" "+texts["sun.gc.collector."+number+".name"])] = n
		}
	}
	return out, nil
}

// Idle reports from the content of the file whether no collector is at work, and
// when the last one ended, in ticks of the JVM's own clock.
func Idle(b []byte) (idle bool, ended int64, err error) {
	longs := map[string]int64{}
	if err := entries(b, longs, map[string]string{}); err != nil {
		return false, 0, err
	}
	idle = true
	for name, exit := range longs {
		collector, ok := strings.CutSuffix(name, ".lastExitTime")
		if !ok || !strings.HasPrefix(name, "sun.gc.collector.") {
			continue
		}
		idle = idle && longs[collector+".lastEntryTime"] <= exit
		ended = max(ended, exit)
	}
	return idle, ended, nil
}

func entries(b []byte, longs map[string]int64, texts map[string]string) error {
	if len(b) < headerSize || binary.BigEndian.Uint32(b) != magic {
		return errors.New("the counters have no header that is known")
	}
	var order binary.ByteOrder = binary.BigEndian
	if b[4] == 1 {
		order = binary.LittleEndian
	}
	if b[5] != 2 {
		return fmt.Errorf("the counters are of version %d, known is 2", b[5])
	}
	at, n := int(order.Uint32(b[24:])), int(order.Uint32(b[28:]))
	for range n {
		if at < headerSize || at+entrySize > len(b) {
			return fmt.Errorf("the counters break off at %d", at)
		}
		e := b[at:]
		size := int(order.Uint32(e))
		if size < entrySize || size > len(e) {
			return fmt.Errorf("the counter at %d has a length of %d", at, size)
		}
		entry(e[:size], order, longs, texts)
		at += size
	}
	return nil
}

// entry reads one counter; one that reaches out of its entry is left out.
func entry(e []byte, order binary.ByteOrder, longs map[string]int64, texts map[string]string) {
	name, data := int(order.Uint32(e[4:])), int(order.Uint32(e[16:]))
	length := int(order.Uint32(e[8:]))
	if name < entrySize || name > len(e) || data < entrySize || data > len(e) {
		return
	}
	key := text(e[name:])
	switch {
	case e[12] == 'J' && length == 0 && data+8 <= len(e):
		longs[key] = int64(order.Uint64(e[data:]))
	case e[12] == 'B' && length > 0 && length <= len(e)-data:
		texts[key] = text(e[data : data+length])
	}
}

func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
