package redact

import (
	"net/url"
	"testing"
)

func TestQueryWithMore(t *testing.T) {
	more := map[string]bool{"iban": true}
	const in, want = "a=1&IBAN=DE02&token=t&%69ban=x", "a=1&IBAN=REDACTED&token=REDACTED&%69ban=REDACTED"
	if got := Query(in, more); got != want {
		t.Errorf("Query(%q) = %q, want %q", in, got, want)
	}
	if got := Query("iban=x", nil); got != "iban=x" {
		t.Errorf("Query without more = %q", got)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("q=a&sig=abc&r=1")
	f.Add("%73ig=abc;token=1")
	f.Add("\xff=\xff&sig=\xff")
	f.Fuzz(func(t *testing.T, q string) {
		got := Query(q, nil)
		if again := Query(got, nil); again != got {
			t.Errorf("%q became %q and then %q", q, got, again)
		}
		in, errIn := url.ParseQuery(q)
		out, errOut := url.ParseQuery(got)
		if (errIn == nil) != (errOut == nil) && errIn == nil {
			t.Fatalf("%q could be parsed, %q cannot: %v", q, got, errOut)
		}
		if errIn != nil {
			return
		}
		for k, vs := range in {
			for i, v := range vs {
				want := v
				if isSecret(url.QueryEscape(k), nil) && v != "" {
					want = Placeholder
				}
				if out[k][i] != want {
					t.Errorf("%q: %s=%q became %q, want %q", q, k, v, out[k][i], want)
				}
			}
		}
	})
}
