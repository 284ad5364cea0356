package histogram

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = `14931:
 num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:        153000        7344000  leak.Leak$ChurnObj
   2:          6068        4762800  [B (java.base@17.0.15)
   3:          1010         301960  [[Ljava.lang.Object; (java.base@17.0.15)
Total        160078       12408760
`

func TestParse(t *testing.T) {
	if !Sniff([]byte(text)) {
		t.Error("not recognised")
	}
	h, err := Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) // as a Windows shell saves it
	if err != nil {
		t.Fatal(err)
	}
	want := &Histogram{Whole: true, Rows: []Row{
		{"leak.Leak$ChurnObj", "", 153000, 7344000},
		{"byte[]", "java.base@17.0.15", 6068, 4762800},
		{"java.lang.Object[][]", "java.base@17.0.15", 1010, 301960},
	}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		text, err string
		rows      int
	}{
		"no total":      {text[:strings.Index(text, "Total")], "", 3},
		"other total":   {strings.Replace(text, "160078", "160079", 1), "", 3},
		"half a row":    {text[:strings.Index(text, "4762800")+3], "line 5", 1},
		"a huge number": {strings.Replace(text, "4762800", "99999999999999999999", 1), "line 5", 1},
		"no heading":    {"   1:  1  1  x\n", "no line with num", 0},
	} {
		h, err := Parse([]byte(c.text))
		if h != nil && (h.Whole || len(h.Rows) != c.rows) {
			t.Errorf("%s: whole %v, %d rows, want %d", name, h.Whole, len(h.Rows), c.rows)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.err)
		}
	}
}

func TestClassName(t *testing.T) {
	for in, want := range map[string]string{
		"[I": "int[]", "[[J": "long[][]", "[La.B;": "a.B[]", "a.B": "a.B", "[": "[", "[Lx": "[Lx", "<constantPoolKlass>": "<constantPoolKlass>",
	} {
		if got := ClassName(in); got != want {
			t.Errorf("ClassName(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte(text[:150]))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Parse(data)
		if err == nil && h == nil {
			t.Error("neither a histogram nor an error")
		}
		if h != nil {
			for _, r := range h.Rows {
				if r.Instances < 0 || r.Bytes < 0 || r.Class == "" {
					t.Errorf("row %+v", r)
				}
			}
		}
	})
}
