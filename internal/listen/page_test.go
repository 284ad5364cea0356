package listen

import (
	"net/http/httptest"
	"testing"
)

func TestCheckPage(t *testing.T) {
	for _, tt := range []struct {
		host, site, mode string
		ok               bool
	}{
		{host: "127.0.0.1:9300", ok: true},
		{host: "[::1]", ok: true},
		{host: "clew.localhost.:80", ok: true},
		{host: "spikes.example:443", ok: true},
		{host: "evil.example:9300"},
		{host: "127.0.0.1.evil.example"},
		{host: ""},
		{host: "localhost", site: "same-origin", mode: "cors", ok: true},
		{host: "localhost", site: "cross-site", mode: "navigate", ok: true},
		{host: "localhost", site: "cross-site", mode: "no-cors"},
		{host: "localhost", site: "same-site", mode: "cors"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = tt.host
		r.Header.Set("Sec-Fetch-Site", tt.site)
		r.Header.Set("Sec-Fetch-Mode", tt.mode)
		if err := CheckPage(r, []string{"Spikes.example"}); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
