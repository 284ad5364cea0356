package trace

import (
	"net/url"
	"testing"
)

func TestRedactQuery(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"q=OpenTelemetry":                "q=OpenTelemetry",
		"q=a&sig=abc&r=1":                "q=a&sig=REDACTED&r=1",
		"sig=abc":                        "sig=REDACTED",
		"sig=":                           "sig=",
		"sig":                            "sig",
		"Sig=abc":                        "Sig=abc", // the conventions' names are case-sensitive
		"X-Amz-Signature=1&X-Amz-Date=2": "X-Amz-Signature=REDACTED&X-Amz-Date=2",
		"a=1;X-Goog-Signature=x;b=2":     "a=1;X-Goog-Signature=REDACTED;b=2",
		"%73ig=abc":                      "%73ig=REDACTED", // a server reads this as sig
		"Access_Token=x&password=y=z&":   "Access_Token=REDACTED&password=REDACTED&",
		"sig=1&sig=2":                    "sig=REDACTED&sig=REDACTED",
		"&&=&sig=1":                      "&&=&sig=REDACTED",
		"%zzsig=1":                       "%zzsig=1",
		"token=a%26b":                    "token=REDACTED",
		"X-Amz-Credential=1&X-Amz-Security-Token=2&AWSAccessKeyId=3&Signature=4": "X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED",
	} {
		if got := redactQuery(in); got != want {
			t.Errorf("redactQuery(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFullURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.com/a?b=c#d":          "https://example.com/a?b=c#d",
		"https://user:pass@example.com/?sig=1": "https://REDACTED:REDACTED@example.com/?sig=REDACTED",
		"https://user@example.com/":            "https://REDACTED@example.com/",
		"http://[::1]:8080/%ff?x=%ff":          "http://[::1]:8080/%ff?x=%ff",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := fullURL(u); got != want {
			t.Errorf("fullURL(%q) = %q, want %q", in, got, want)
		}
		if u.String() != in {
			t.Errorf("fullURL changed the URL to %q", u)
		}
	}
}
