// Client sends commands that carry in their payload the ids that their goroutine
// has as labels. It is built by each version of Go, so it stands alone.
//
//	client ADDRESS GOROUTINES COMMANDS
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
)

func main() {
	goroutines, _ := strconv.Atoi(os.Args[2])
	commands, _ := strconv.Atoi(os.Args[3])
	var wg sync.WaitGroup
	for range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			talk(os.Args[1], commands)
		}()
	}
	wg.Wait()
}

func talk(addr string, commands int) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	replies := bufio.NewReader(c)
	ask := func(line string) {
		if _, err := c.Write([]byte(line + "\n")); err != nil {
			panic(err)
		}
		if _, err := replies.ReadString('\n'); err != nil {
			panic(err)
		}
	}
	ask("HELLO") // answered when the process is known
	for i := range commands {
		trace, span := digits(16), digits(8)
		line := trace + span
		if i%10 == 3 {
			line += strings.Repeat("x", 20_000) // more than one segment, or one read of the server's
		}
		labels := pprof.Labels("trace_id", trace, "span_id", span, "zone", "b", "handler", "/checkout", "trace_ie", trace)
		pprof.Do(context.Background(), labels, func(context.Context) { send(ask, line) })
	}
}

func digits(bytes int) string {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return hex.EncodeToString(b)
}
