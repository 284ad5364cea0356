package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// descendants are the command lines of the processes whose environment has the variable: all that a demo
// started, however far from it they are.
func descendants(t *testing.T, variable string) []string {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, path := range found {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(variable+"\x00")) {
			continue // ended meanwhile, or somebody else's
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		left = append(left, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return left
}
