//go:build !linux

package estest

import "os/exec"

func within(home, _ string) (string, error) { return home, nil }

func giveAway(string) error { return nil }

func asItsUser(*exec.Cmd) {}

func killAll(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // it may have ended
