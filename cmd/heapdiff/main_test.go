package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/cli/clitest"
	"github.com/clewhq/clew/internal/hproftest"
)

func TestMain(m *testing.M) {
	clitest.Main(m, map[string]func(){"heapdiff": main, "mkdump": mkdump})
}

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestDocs(t *testing.T) { clitest.Docs(t, command(cli.Streams{})) }

// mkdump FILE N writes the dump of a program that leaks N items into
// app.Holder.LEAK, and with a third argument cuts so many bytes off its end.
func mkdump() {
	n, err := strconv.Atoi(os.Args[2])
	if err == nil {
		b := hproftest.Leak("1.0.2", 8, n)
		if len(os.Args) > 3 {
			cut, _ := strconv.Atoi(os.Args[3])
			b = b[:len(b)-cut]
		}
		err = os.WriteFile(os.Args[1], b, 0o600)
	}
	if err != nil {
		panic(err)
	}
}
