package work_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/clewhq/clew/propagate/vet/internal/work"
)

func TestFacts(t *testing.T) {
	dir, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Run(t, dir, work.Analyzer, "example.com/pool", "example.com/lostroots")
}
