package provider

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/trace/provider/internal/conform"
)

var update = flag.Bool("update", false, "write docs/provider-spec.md")

// item is a demand of the specification's trace section, and what shows that it is met: a
// test, or a program of package conform, whose names begin in lower case.
type item struct{ section, demand, shown, remark string }

var items = []item{
	{"TracerProvider", "get a tracer by name, version, schema URL, attributes", "scopes", ""},
	{"TracerProvider", "a tracer without a name works", "scopes", ""},
	{"TracerProvider", "equal scopes are one in what is exported", "TestScopesAreGathered", ""},
	{"TracerProvider", "all methods are safe for concurrent use", "TestOneSpanManyGoroutines", ""},
	{"TracerProvider", "Shutdown, once; spans later are lost, tracers do nothing", "TestAfterShutdown", "late spans are counted"},
	{"TracerProvider", "Shutdown says whether it succeeded, failed or timed out", "TestFastShutdownTellsWhatWasNotDelivered", ""},
	{"TracerProvider", "ForceFlush says whether it succeeded, failed or timed out", "TestFlushKeepsItsDeadline", ""},
	{"TracerProvider", "span processors", "TestFastRefuses", "refused, but for those that set attributes at the start"},
	{"Context", "get the span of a context, make a context with a span", "contexts", ""},
	{"Context", "values, deadlines and cancellation pass through", "contexts", ""},
	{"SpanContext", "trace and span ids, valid ones only", "parents", ""},
	{"SpanContext", "IsRemote", "remote parents", ""},
	{"SpanContext", "trace flags beyond sampled are passed on", "remote parents", ""},
	{"SpanContext", "TraceState is passed on", "remote parents", ""},
	{"Span creation", "parent from the context", "parents", ""},
	{"Span creation", "new root on demand", "parents", ""},
	{"Span creation", "a trace id for a root, the parent's for others", "parents", ""},
	{"Span creation", "a parent with an invalid context", "remote parents", ""},
	{"Span creation", "kinds; internal if none or an unknown one is given", "kinds", ""},
	{"Span creation", "attributes at the start", "attributes of all types", ""},
	{"Span creation", "links at the start", "links", ""},
	{"Span creation", "start time", "times", ""},
	{"Span", "SpanContext, also after the end", "after the end", ""},
	{"Span", "IsRecording; false after the end", "contexts", ""},
	{"Span", "safe for concurrent use", "TestOneSpanManyGoroutines", ""},
	{"Span", "SetAttributes: the last of equal keys counts", "attributes twice", ""},
	{"Span", "attributes of all types, empty values among them", "attributes of all types", ""},
	{"Span", "attributes without a key are not taken", "odd attributes", ""},
	{"Span", "text beyond ASCII", "names", ""},
	{"Span", "AddEvent with attributes and time, in their order", "events", ""},
	{"Span", "AddLink after the start", "links", ""},
	{"Span", "links to invalid contexts, if they have attributes or a trace state", "links", ""},
	{"Span", "trace state of links", "TestLinkState", "the SDK's exporter loses it"},
	{"Span", "SetStatus: Ok is final, Error prevails over Unset, a description for errors only", "status", ""},
	{"Span", "SetName", "names", ""},
	{"Span", "End: later calls do nothing, whatever they are", "after the end", ""},
	{"Span", "End with a time", "times", ""},
	{"Span", "End does not end children", "parents", ""},
	{"Span", "RecordError as an exception event", "errors", ""},
	{"Span", "RecordError with a stack trace", "TestStacks", ""},
	{"Span", "a panic through End is recorded and goes on", "panics", ""},
	{"Sampling", "AlwaysOn, AlwaysOff, TraceIdRatioBased, ParentBased", "TestSamplers", ""},
	{"Sampling", "a sampler sees parent, trace id, name, kind, attributes and links", "TestSamplers", ""},
	{"Sampling", "a sampler answers with decision, attributes and trace state", "TestSamplers", ""},
	{"Sampling", "recorded and not sampled: IsRecording is true, nothing is exported", "TestSamplers", ""},
	{"Sampling", "a span that is not recorded has an id of its own and passes its trace on", "TestNilSpan", ""},
	{"Limits", "attributes of a span", "many of all", ""},
	{"Limits", "length of values, also inside lists and maps", "long values", ""},
	{"Limits", "events and links; the oldest give way", "many of all", ""},
	{"Limits", "attributes of an event, and of a link", "many of all", ""},
	{"Limits", "what is dropped is counted", "many of all", ""},
	{"Limits", "limits of 0 and without end", "TestPrograms", ""},
	{"Ids", "random by default, another generator on demand", "TestIDGenerator", ""},
	{"Export", "batches by number and by time", "TestRequestsAreNoLargerThanConfigured", ""},
	{"Export", "the queue is bounded, and drops", "TestQueueIsBounded", ""},
	{"Export", "OTLP over HTTP with protobuf, over gRPC", "TestTransports", ""},
	{"Export", "OTLP over HTTP with JSON", "", "not supported, as in the rest of clew: refused at the start"},
	{"Export", "gzip", "TestTransports", ""},
	{"Export", "headers", "TestHTTPRequest", ""},
	{"Export", "TLS", "TestTLS", ""},
	{"Export", "one call at a time", "TestGRPC", ""},
	{"Export", "retries with back-off, and what is not retried", "TestWhatIsTriedAgain", ""},
	{"Export", "Retry-After and RetryInfo", "TestPauseIsKept", ""},
	{"Export", "partial success is told, and not sent again", "TestFastShutdownTellsWhatWasNotDelivered", ""},
	{"Export", "resource and schema URLs", "TestTransports", ""},
	{"Export", "strings that are not UTF-8", "TestInvalidUTF8", "U+FFFD; the SDK loses the batch"},
	{"Export", "other exporters", "TestFastRefuses", "refused"},
	{"Variables", "OTEL_TRACES_SAMPLER, OTEL_*_LIMIT", "TestVariables", ""},
	{"Variables", "OTEL_EXPORTER_OTLP_*", "TestEndpoint", ""},
	{"Variables", "OTEL_BSP_*", "TestFastShutdownTellsWhatWasNotDelivered", ""},
	{"Variables", "a wrong value", "TestBadConfiguration", "an error that names it; the SDK logs and goes on"},
}

// TestSpecification: what is said to show something is there, and docs/provider-spec.md is this table.
func TestSpecification(t *testing.T) {
	tests := testNames(t)
	var programs []string
	for _, p := range conform.Programs() {
		programs = append(programs, p.Name)
	}
	var b strings.Builder
	b.WriteString("# The specification, item by item\n\nWhat OpenTelemetry's specification demands of traces, and what shows that " +
		"[the fast provider](provider.md)\nmeets it: a test, or, in quotes, a program that runs on the SDK as well and delivers the same\n" +
		"(`trace/provider/internal/conform`). `make generate` writes this page.\n")
	section := ""
	for _, i := range items {
		shown := ""
		switch {
		case i.shown == "" && i.remark == "":
			t.Errorf("%s: nothing shows it", i.demand)
		case slices.Contains(programs, i.shown):
			shown = fmt.Sprintf("%q", i.shown)
		case slices.Contains(tests, i.shown):
			shown = "`" + i.shown + "`"
		case i.shown != "":
			t.Errorf("%s: there is no test or program %q", i.demand, i.shown)
		}
		if i.section != section {
			section = i.section
			fmt.Fprintf(&b, "\n## %s\n\n| demand | shown by | remark |\n|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", i.demand, shown, i.remark)
	}
	for _, p := range programs {
		if !slices.ContainsFunc(items, func(i item) bool { return i.shown == p }) {
			t.Errorf("the program %q shows nothing of the specification", p)
		}
	}
	page := filepath.Join("..", "..", "docs", "provider-spec.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/provider-spec.md is not this table; make generate writes it (-table +page):\n%s", diff)
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func testNames(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*_test.go", "internal/*/*_test.go", "../setup/*_test.go", "../internal/otelenv/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range testFunc.FindAllSubmatch(src, -1) {
				names = append(names, string(m[1]))
			}
		}
	}
	return names
}
