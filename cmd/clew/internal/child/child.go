// Package child runs a process that ends no later than the one that started it.
package child

import (
	"os/exec"
	"runtime"
)

// Process is a running child. Its methods may be called from any goroutine.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of Wait; set before ended is closed
}

// Start starts cmd in a process group of its own, so that a Ctrl-C in the terminal reaches the parent
// alone, which then ends its children in order. On Linux the child gets a SIGTERM when its parent dies; a
// child that is to end then on every system watches its standard input.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Linux takes the end of the thread that made the child for the end of the parent
		// (PR_SET_PDEATHSIG), so that thread stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID is the process id of the child.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the child has ended and all its output was read.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err is how the child ended: nil for status 0. It may be called when Ended is closed.
func (p *Process) Err() error { return p.err }

// Kill ends the child at once and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // one that has ended already is what we want
	<-p.ended
}
