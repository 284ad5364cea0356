package main

import (
	"testing"

	"github.com/clewhq/clew/internal/cli/clitest"
)

func TestMain(m *testing.M) {
	clitest.Main(m, map[string]func(){"propagatevet": main})
}

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestDocs(t *testing.T) { clitest.Docs(t, command()) }
