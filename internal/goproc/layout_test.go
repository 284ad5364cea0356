package goproc

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLayoutOf(t *testing.T) {
	for version, want := range map[string]int{
		"go1.24":                       24,
		"go1.25.5":                     25,
		"go1.26.8 X:nodwarf5":          26,
		"go1.26.1-microsoft":           26,
		"go1.23.4":                     0,
		"go1.27":                       0,
		"go1.26rc1":                    0,
		"devel go1.26-abcdef Mon":      0,
		"go1.264":                      0,
		"go2.26":                       0,
		"":                             0,
		"go1.99999999999999999999.1":   0,
		"go1.26.8; and something else": 0,
	} {
		got := 0
		if l, ok := layoutOf(version); ok {
			got = l.minor
		}
		if got != want {
			t.Errorf("layoutOf(%q) is for go1.%d, want go1.%d", version, got, want)
		}
	}
}

// TestLayoutAgainstDWARF compares the tables with what each toolchain says of
// its runtime.
func TestLayoutAgainstDWARF(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		for i := range layouts {
			l := &layouts[i]
			t.Run(fmt.Sprintf("go1.%d/%s", l.minor, goarch), func(t *testing.T) {
				exe := build{}.make(t, toolchain(t, l.minor), "GOOS=linux", "GOARCH="+goarch)
				got := structs(t, exe, "runtime.g", "runtime.m", "runtime.gobuf", "runtime.moduledata", "runtime.stack", "runtime._func", "runtime.inlinedCall", "runtime.pcHeader")
				g, buf, md := got["runtime.g"], got["runtime.gobuf"], got["runtime.moduledata"]
				want := map[string]uint64{
					"g": uint64(l.gSize), "goid": l.goid, "atomicstatus": l.status, "trackingSeq": l.seq,
					"waitsince": l.waitSince, "waitreason": l.reason, "sched.sp": l.schedSP, "sched.pc": l.schedPC, "sched.lr": l.schedLR,
					"syscallsp": l.syscallSP, "syscallpc": l.syscallPC, "lockedm": l.lockedM, "parentGoid": l.parent,
					"gopc": l.gopc, "startpc": l.startPC, "labels": l.labels, "m": gM, "m.curg": l.curg,
					"stack.lo": gStackLo, "stack.hi": gStackHi, "moduledata": uint64(l.moduleSize),
				}
				have := map[string]uint64{
					"g": g[""], "sched.sp": g["sched"] + buf["sp"], "sched.pc": g["sched"] + buf["pc"], "sched.lr": g["sched"] + buf["lr"],
					"stack.lo": g["stack"] + got["runtime.stack"]["lo"], "stack.hi": g["stack"] + got["runtime.stack"]["hi"], "moduledata": md[""],
					"m.curg": got["runtime.m"]["curg"],
				}
				for k := range want {
					if off, ok := g[k]; ok && k != "g" {
						have[k] = off
					}
				}
				if diff := cmp.Diff(have, want); diff != "" {
					t.Errorf("runtime.g by DWARF (-) and by the table (+):\n%s", diff)
				}
				checkShared(t, md, got["runtime._func"], got["runtime.inlinedCall"], got["runtime.pcHeader"])
			})
		}
	}
}

// checkShared checks the offsets that are the same in all versions.
func checkShared(t *testing.T, md, fn, call, head map[string]uint64) {
	t.Helper()
	for _, c := range []struct {
		what      string
		got, want uint64
	}{
		{"moduledata.pcHeader", md["pcHeader"], mdHeader},
		{"moduledata.funcnametab", md["funcnametab"], mdFuncNames},
		{"moduledata.cutab", md["cutab"], mdCU},
		{"moduledata.filetab", md["filetab"], mdFiles},
		{"moduledata.pctab", md["pctab"], mdPCTab},
		{"moduledata.pclntable", md["pclntable"], mdFuncs},
		{"moduledata.ftab", md["ftab"], mdFtab},
		{"moduledata.text", md["text"], mdText},
		{"moduledata.etext", md["etext"], mdEtext},
		{"moduledata.bss", md["bss"], mdBSS},
		{"moduledata.ebss", md["ebss"], mdEbss},
		{"moduledata.gofunc", md["gofunc"], mdGofunc},
		{"_func", fn[""], fnSize},
		{"_func.entryOff", fn["entryOff"], fnEntry},
		{"_func.nameOff", fn["nameOff"], fnName},
		{"_func.pcsp", fn["pcsp"], fnPCSP},
		{"_func.pcfile", fn["pcfile"], fnPCFile},
		{"_func.pcln", fn["pcln"], fnPCLine},
		{"_func.npcdata", fn["npcdata"], fnNPCData},
		{"_func.cuOffset", fn["cuOffset"], fnCU},
		{"_func.startLine", fn["startLine"], fnStartLine},
		{"_func.funcID", fn["funcID"], fnID},
		{"_func.flag", fn["flag"], fnFlag},
		{"_func.nfuncdata", fn["nfuncdata"], fnNFuncData},
		{"inlinedCall", call[""], inlineSize},
		{"pcHeader", head[""], headerSize},
	} {
		if c.got != c.want {
			t.Errorf("%s is at %d, not %d", c.what, c.got, c.want)
		}
	}
}

// structs returns the offsets of the members of structures, and under "" their
// sizes.
func structs(t *testing.T, exe string, names ...string) map[string]map[string]uint64 {
	t.Helper()
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]uint64{}
	for r := d.Reader(); len(out) < len(names); {
		e, err := r.Next()
		if err != nil || e == nil {
			t.Fatalf("DWARF has %d of %v: %v", len(out), names, err)
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if e.Tag != dwarf.TagStructType || !strings.HasPrefix(name, "runtime.") || !slices.Contains(names, name) {
			continue
		}
		size, _ := e.Val(dwarf.AttrByteSize).(int64)
		out[name] = map[string]uint64{"": uint64(size)}
		for {
			m, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if m == nil || m.Tag == 0 {
				break
			}
			member, _ := m.Val(dwarf.AttrName).(string)
			off, _ := m.Val(dwarf.AttrDataMemberLoc).(int64)
			out[name][member] = uint64(off)
		}
	}
	return out
}

// TestLayoutAgainstSource compares what DWARF does not say, the wait reasons
// and the numbers of constants, with each toolchain's source.
func TestLayoutAgainstSource(t *testing.T) {
	for i := range layouts {
		l := &layouts[i]
		t.Run(fmt.Sprintf("go1.%d", l.minor), func(t *testing.T) {
			cmd := exec.Command("go", "env", "GOROOT")
			cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain(t, l.minor))
			root, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			src := filepath.Join(strings.TrimSpace(string(root)), "src")
			ids := constants(t, filepath.Join(src, "internal/abi/symtab.go"), "FuncIDNormal")
			if got := ids["FuncIDWrapper"]; got != int(l.funcWrapper) {
				t.Errorf("FuncIDWrapper is %d, not %d", got, l.funcWrapper)
			}
			file := filepath.Join(src, "runtime/runtime2.go")
			if diff := cmp.Diff(waitReasons(t, file), l.waitReasons); diff != "" {
				t.Errorf("wait reasons of the source (-) and of the table (+):\n%s", diff)
			}
			_, has := constants(t, file, "_Gidle")["_Gdeadextra"]
			if has != l.deadExtra {
				t.Errorf("_Gdeadextra: %v in the source", has)
			}
		})
	}
}

// constants returns the members of the iota block that begins with a name.
func constants(t *testing.T, file, first string) map[string]int {
	t.Helper()
	out := map[string]int{}
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST || d.Specs[0].(*ast.ValueSpec).Names[0].Name != first {
			return true
		}
		for i, s := range d.Specs {
			out[s.(*ast.ValueSpec).Names[0].Name] = i
		}
		return false
	})
	return out
}

func waitReasons(t *testing.T, file string) []string {
	t.Helper()
	numbers := constants(t, file, "waitReasonZero")
	out := make([]string, len(numbers))
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, okKey := kv.Key.(*ast.Ident)
		val, okVal := kv.Value.(*ast.BasicLit)
		if !okKey || !okVal || !strings.HasPrefix(key.Name, "waitReason") {
			return true
		}
		text, err := strconv.Unquote(val.Value)
		if err != nil {
			return true // waitReason tables of booleans have no literals
		}
		out[numbers[key.Name]] = text
		return true
	})
	return out
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
