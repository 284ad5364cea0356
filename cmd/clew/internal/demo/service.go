package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/child"
	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

const (
	startTime = 15 * time.Second // for a service to say that it is ready
	killTime  = 3 * time.Second  // for one to end at once and remove its files
	stopTime  = 15 * time.Second // for a service to finish its work and hand over its spans
)

// service is a running process of the shop.
type service struct {
	name  string
	ready shop.Ready
	proc  *child.Process
	life  io.WriteCloser // its standard input
	talk  *tail          // its standard error
	over  atomic.Bool    // it was asked to end, or was ended
}

// startService runs this program's hidden verb for the service and waits until it serves.
func startService(ctx context.Context, name string, argv, env []string) (*service, error) {
	s := &service{name: name, talk: &tail{}}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	cmd.Stderr = s.talk
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold on to the pipes
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	said, say := io.Pipe()
	cmd.Stdout = say
	s.life = life
	if s.proc, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("start the %s service: %w", name, err)
	}
	line := make(chan []byte, 1)
	go func() {
		if got, err := bufio.NewReader(said).ReadBytes('\n'); err == nil {
			line <- got
		}
		_, _ = io.Copy(io.Discard, said)
	}()
	go func() {
		<-s.proc.Ended()
		_ = say.Close() // ends the goroutine above
	}()
	if err := s.await(ctx, line); err != nil {
		return nil, err
	}
	return s, nil
}

// await waits for the line by which the service says that it is ready. When it does not come, the service
// is ended.
func (s *service) await(ctx context.Context, line <-chan []byte) error {
	timeout := time.NewTimer(startTime)
	defer timeout.Stop()
	select {
	case got := <-line:
		if json.Unmarshal(got, &s.ready) == nil {
			return nil
		}
		s.kill()
		return s.failed(fmt.Errorf("said %q instead of its address", got))
	case <-s.proc.Ended():
		return s.died()
	case <-ctx.Done():
		s.kill()
		return ctx.Err()
	case <-timeout.C:
		s.kill()
		return s.failed(fmt.Errorf("was not ready within %v", startTime))
	}
}

// url is the base URL of the service.
func (s *service) url() string { return "http://" + s.ready.Addr }

// stop has the service finish its work and end, and waits for that.
func (s *service) stop() error {
	if s.over.Swap(true) {
		return nil
	}
	_, writeErr := io.WriteString(s.life, shop.Stop+"\n")
	timeout := time.NewTimer(stopTime)
	defer timeout.Stop()
	select {
	case <-s.proc.Ended():
	case <-timeout.C:
		s.kill()
		return s.failed(fmt.Errorf("did not end within %v", stopTime))
	}
	if s.proc.Err() != nil || writeErr != nil {
		return s.died()
	}
	return nil
}

// abandon has the service end at once, by what tells it that whoever started it is gone.
func (s *service) abandon() {
	s.over.Store(true)
	_ = s.life.Close() // it may have ended already
}

// kill ends the service at once and waits until it is gone.
func (s *service) kill() {
	s.abandon()
	timeout := time.NewTimer(killTime)
	defer timeout.Stop()
	select {
	case <-s.proc.Ended():
	case <-timeout.C:
		s.proc.Kill()
	}
}

// died is the error of a service that ended by itself.
func (s *service) died() error {
	err := s.proc.Err()
	if err == nil {
		err = errors.New("exit status 0")
	}
	return s.failed(fmt.Errorf("ended: %w", err))
}

// failed names the service in an error and adds the last it said.
func (s *service) failed(err error) error {
	err = fmt.Errorf("the %s service (pid %d) %w", s.name, s.proc.PID(), err)
	if last := s.talk.lines(10); len(last) > 0 {
		return fmt.Errorf("%w; the last it said:\n    %s", err, strings.Join(last, "\n    "))
	}
	return err
}
