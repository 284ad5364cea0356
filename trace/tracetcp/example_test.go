package tracetcp_test

import (
	"context"
	"fmt"
	"net"

	"github.com/clewhq/clew/trace/tracetcp"
)

// A card terminal's protocol: four digits of length, four of message type. The client offers the
// preamble in its logon, and uses it because the server agrees.
func Example() {
	tracer, err := tracetcp.New(tracetcp.Config{
		Framing: tracetcp.Framing{Digits: 4},
		Name:    func(telegram []byte) string { return string(telegram[:4]) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	near, far := net.Pipe() // a connection
	done := make(chan error)
	go func() {
		done <- tracer.Serve(context.Background(), far, func(_ context.Context, telegram []byte) ([]byte, error) {
			if string(telegram) == "0800"+tracetcp.Token {
				return []byte("0810" + tracetcp.Token), nil
			}
			return []byte("0210approved"), nil
		})
	}()

	client := tracer.Client(near)
	ctx := context.Background()
	if answer, err := client.Call(ctx, []byte("0800"+tracetcp.Token)); err == nil && string(answer) == "0810"+tracetcp.Token {
		client.EnablePreamble()
	}
	answer, err := client.Call(ctx, []byte("0200 10.00 EUR"))
	fmt.Println(string(answer), err)
	fmt.Println(client.Close(), <-done)
	// Output:
	// 0210approved <nil>
	// <nil> <nil>
}
