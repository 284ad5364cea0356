package demo

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// actor is the environment variable that makes the test binary play a service.
const actor = "CLEW_DEMO_TEST_ACTOR"

func TestMain(m *testing.M) {
	if part := os.Getenv(actor); part != "" {
		os.Exit(play(part)) //nolint:forbidigo // this is a service, no test
	}
	goleak.VerifyTestMain(m)
}

// play is a service that does well or badly; it answers its exit status.
func play(part string) int {
	ready := func() { fmt.Fprintln(os.Stdout, `{"addr":"127.0.0.1:1","note":"played"}`) }
	in := bufio.NewScanner(os.Stdin)
	switch part {
	case "good":
		ready()
		in.Scan()
		fmt.Fprintln(os.Stderr, "heard", in.Text())
		return 0
	case "dies at once":
		fmt.Fprintln(os.Stderr, "first line\nno such ledger")
		return 2
	case "dies when ready":
		ready()
		fmt.Fprintln(os.Stderr, "lost my books")
		return 2
	case "babbles":
		fmt.Fprintln(os.Stdout, "hello")
		in.Scan()
		return 0
	case "does not heed":
		ready()
		time.Sleep(time.Minute) // stays, but not for ever should the test fail
	case "fails to stop":
		ready()
		in.Scan()
		fmt.Fprintln(os.Stderr, "spans could not be sent")
		return 2
	}
	return 99
}
