//go:build !linux

package ebpfprobe

import (
	"context"
	"runtime"

	"github.com/clewhq/clew/ebpfprobe/internal/need"
	"github.com/clewhq/clew/ebpfprobe/report"
)

type engine struct{}

func notLinux() *need.Error {
	return &need.Error{
		Doing: "observe a server on " + runtime.GOOS + "/" + runtime.GOARCH,
		What:  "Linux",
		Mend:  "run it on the Linux host of the server; a recording can be replayed here",
	}
}

func startEngine(context.Context, Config) (*engine, error) { return nil, notLinux() }

func (*engine) report() (*report.Report, error) { return nil, notLinux() }

func (*engine) close() error { return nil }

func checkTiers(context.Context) ([]report.Tier, error) {
	n := notLinux()
	return []report.Tier{{Name: "lean", State: report.TierMissing, Missing: n.What, Mend: n.Mend}}, nil
}
