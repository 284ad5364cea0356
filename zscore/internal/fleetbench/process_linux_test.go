package main

import (
	"os"
	"testing"
)

func TestProcess(t *testing.T) {
	p, err := start(t.TempDir(), os.Args[0], "-test.list", "TestProcess")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	now, most, err := p.memory()
	if err != nil || now > most {
		t.Errorf("memory: %d now, %d at most, %v", now, most, err)
	}
	if _, err := p.spent(); err != nil {
		t.Error(err)
	}
}
