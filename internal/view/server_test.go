package view

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/store"
)

func TestServer(t *testing.T) {
	s, err := Listen("127.0.0.1:0", false, New(Single(store.NewMemory(0)), Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(s.Addr(), false, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "listen for the page: ") {
		t.Errorf("a port in use: %v, want an error that says what for", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(body), "<title>clew</title>") {
		t.Errorf("%s answers %v:\n%s", s.URL(), err, body)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := client.Get(s.URL()); err == nil {
		t.Error("it answers after Close")
	}
}

func TestServerCutsOff(t *testing.T) {
	entered := make(chan struct{})
	s, err := Listen("127.0.0.1:0", false, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		close(entered)
		<-req.Context().Done()
	}))
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.URL())
		if err == nil {
			_ = resp.Body.Close()
		}
		answered <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v, want context.Canceled", err)
	}
	if err := <-answered; err == nil {
		t.Error("a request that was cut off got an answer")
	}
}
