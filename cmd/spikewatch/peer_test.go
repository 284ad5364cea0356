package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/peertest"
)

// TestAlertmanager has a real Alertmanager take an alert, and its end.
func TestAlertmanager(t *testing.T) {
	program := peertest.Need(t, "alertmanager")
	r := newRig(t, 3, "")
	addr := freeAddr(t)
	file := filepath.Join(r.dir, "am.yml")
	if err := os.WriteFile(file, []byte("route: {receiver: none}\nreceivers: [{name: none}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	am := exec.Command(program, "--config.file="+file, "--storage.path="+filepath.Join(r.dir, "am"),
		"--web.listen-address="+addr, "--cluster.listen-address=", "--log.level=error")
	am.Stderr = r.stderr
	if err := am.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = am.Process.Kill() // it may have ended
		_ = am.Wait()
	})
	config := filepath.Join(r.dir, "c.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "receivers: {", fmt.Sprintf("receivers: {am: {alertmanager: {url: %q}}, ", "http://"+addr), 1)
	changed = strings.Replace(changed, "receiver: slack", "receiver: [slack, am]", 1)
	if err := os.WriteFile(config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.learn()
	r.set("s01", 1000)
	type amAlert struct {
		Labels, Annotations map[string]string
	}
	// Alertmanager lists what it has not been told the end of.
	active := func() (out []amAlert, ok bool) {
		resp, err := http.Get("http://" + addr + "/api/v2/alerts")
		if err != nil {
			return nil, false
		}
		defer resp.Body.Close()
		return out, json.NewDecoder(resp.Body).Decode(&out) == nil
	}
	var got []amAlert
	r.until("Alertmanager has the alert", func() bool { got, _ = active(); return len(got) == 1 })
	l := got[0].Labels
	if l["alertname"] != "rps" || l["series"] != "s01" || l["direction"] != "up" || l["metric"] != "rps" || got[0].Annotations["value"] == "" {
		t.Errorf("Alertmanager has %+v", got[0])
	}
	r.set("s01", 10)
	r.until("Alertmanager knows its end", func() bool { got, ok := active(); return ok && len(got) == 0 })
	r.until("everything is delivered", r.empty)
}

// freeAddr is an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}
