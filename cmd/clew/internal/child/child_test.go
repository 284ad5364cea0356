package child

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// actor is the environment variable that makes the test binary play a process.
const actor = "CLEW_CHILD_TEST_ACTOR"

func TestMain(m *testing.M) {
	switch os.Getenv(actor) {
	case "waits": // for the end of its standard input
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3) //nolint:forbidigo // this is the child, no test
	case "stays": // whatever its standard input says
		time.Sleep(time.Minute) // stays, but not for ever should the test fail
	case "parent": // starts a child that stays, names it, and stays as well
		p, err := Start(acting("stays"))
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString(strconv.Itoa(p.PID()) + "\n")
		time.Sleep(time.Minute) // stays, but not for ever should the test fail
	}
	goleak.VerifyTestMain(m)
}

// acting is the test binary in a part.
func acting(part string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), actor+"="+part)
	return cmd
}

func TestEndIsTold(t *testing.T) {
	cmd := acting("waits")
	life, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Ended():
		t.Fatal("ended before its input did")
	default:
	}
	if err := life.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
	var exit *exec.ExitError
	if err := p.Err(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("ended with %v, want status 3", err)
	}
	p.Kill() // of one that has ended: nothing
}

func TestKill(t *testing.T) {
	p, err := Start(acting("stays"))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	var exit *exec.ExitError
	if err := p.Err(); !errors.As(err, &exit) || exit.Exited() {
		t.Errorf("ended with %v, want a signal", err)
	}
}

func TestStartFails(t *testing.T) {
	if _, err := Start(exec.Command("/nonexistent/program")); err == nil || !strings.Contains(err.Error(), "/nonexistent/program") {
		t.Errorf("error %v", err)
	}
}

// firstNumber reads the pid that the actor "parent" prints.
func firstNumber(t *testing.T, r io.Reader) int {
	t.Helper()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
