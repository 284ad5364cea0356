package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace/provider/internal/conform"
)

// ours is the provider as package conform has it.
func ours(t testing.TB, o conform.Options) conform.Provider {
	t.Helper()
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + o.Endpoint}
	if o.GRPC {
		env["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
	}
	if o.Gzip {
		env["OTEL_EXPORTER_OTLP_COMPRESSION"] = "gzip"
	}
	opts := []Option{WithEnv(func(name string) string { return env[name] }), WithSpanLimits(o.Limits), WithBlocking()}
	if o.Resource != nil {
		opts = append(opts, WithResource(o.Resource))
	}
	if o.Sampler != nil {
		opts = append(opts, WithSampler(o.Sampler))
	}
	p, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	defaultLimits = sdktrace.SpanLimits{
		AttributeValueLengthLimit: -1, AttributeCountLimit: 128, EventCountLimit: 128, LinkCountLimit: 128,
		AttributePerEventCountLimit: 128, AttributePerLinkCountLimit: 128,
	}
	noLimits   = sdktrace.SpanLimits{AttributeValueLengthLimit: -1, AttributeCountLimit: -1, EventCountLimit: -1, LinkCountLimit: -1, AttributePerEventCountLimit: -1, AttributePerLinkCountLimit: -1}
	tinyLimits = sdktrace.SpanLimits{AttributeValueLengthLimit: 5, AttributeCountLimit: 3, EventCountLimit: 2, LinkCountLimit: 2, AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1}
	nothing    = sdktrace.SpanLimits{}
	someOwner  = resource.NewWithAttributes("https://example.com/resource",
		append(conform.All(), attribute.String("service.name", "conform"))...)
)

func TestPrograms(t *testing.T) {
	for name, limits := range map[string]sdktrace.SpanLimits{"default limits": defaultLimits, "no limits": noLimits, "tiny limits": tinyLimits, "nothing": nothing} {
		for _, p := range conform.Programs() {
			t.Run(name+"/"+p.Name, func(t *testing.T) {
				conform.Check(t, ours, conform.Options{Limits: limits}, p.Run)
			})
		}
	}
}

// TestTransports: the resource and all else arrives alike, however it is sent.
func TestTransports(t *testing.T) {
	for _, o := range []conform.Options{{}, {Gzip: true}, {GRPC: true}, {GRPC: true, Gzip: true}} {
		o.Limits, o.Resource = defaultLimits, someOwner
		t.Run(fmt.Sprintf("grpc %v gzip %v", o.GRPC, o.Gzip), func(t *testing.T) {
			for _, p := range programs("attributes of all types", "many of all", "long values", "scopes") {
				conform.Check(t, ours, o, p.Run)
			}
		})
	}
}

// programs are some of package conform's, for what does not change with each of them.
func programs(names ...string) (ps []conform.Program) {
	for _, p := range conform.Programs() {
		if slices.Contains(names, p.Name) {
			ps = append(ps, p)
		}
	}
	return ps
}

func TestSamplers(t *testing.T) {
	for name, s := range map[string]sdktrace.Sampler{
		"always": sdktrace.AlwaysSample(), "never": sdktrace.NeverSample(), "half": sdktrace.TraceIDRatioBased(0.5),
		"parent based always": sdktrace.ParentBased(sdktrace.AlwaysSample()), "parent based never": sdktrace.ParentBased(sdktrace.NeverSample()),
		"parent based half": sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.5)),
		"by the book":       sdktrace.ParentBased(sdktrace.NeverSample(), sdktrace.WithRemoteParentNotSampled(sdktrace.AlwaysSample())),
		"records all":       sdktrace.AlwaysRecord(sdktrace.NeverSample()), "one's own": picky{},
	} {
		t.Run(name, func(t *testing.T) {
			o := conform.Options{Limits: defaultLimits, Sampler: s}
			conform.Check(t, ours, o, conform.ByID)
			if strings.HasSuffix(name, "half") {
				return // of ids that nobody knows beforehand
			}
			for _, p := range programs("parents", "remote parents", "attributes of all types", "links", "contexts") {
				conform.Check(t, ours, o, p.Run)
			}
		})
	}
}

// picky looks at all that a sampler may look at, and answers with all that it may.
type picky struct{}

func (picky) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{
		Decision:   sdktrace.SamplingDecision((len(p.Name) + len(p.Attributes) + len(p.Links) + int(p.Kind)) % 3),
		Attributes: []attribute.KeyValue{attribute.Int("picked", len(p.Name))},
		Tracestate: parentIn(p.ParentContext).TraceState(),
	}
}

func (picky) Description() string { return "picky" }

func TestRandomPrograms(t *testing.T) {
	limits := []sdktrace.SpanLimits{defaultLimits, noLimits, tinyLimits, {
		AttributeValueLengthLimit: 40, AttributeCountLimit: 20, EventCountLimit: 5, LinkCountLimit: 5, AttributePerEventCountLimit: 3, AttributePerLinkCountLimit: 2,
	}}
	for seed := range uint64(32) {
		conform.Check(t, ours, conform.Options{Limits: limits[seed%4]}, conform.Random(seed, 40+int(seed)*10))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzPrograms(f *testing.F) {
	f.Add(uint64(1), uint16(100), 40, 20)
	f.Add(uint64(2), uint16(1000), -1, -1)
	f.Add(uint64(3), uint16(10), 0, 0)
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16, length, count int) {
		conform.Check(t, ours, conform.Options{Limits: sdktrace.SpanLimits{
			AttributeValueLengthLimit: length, AttributeCountLimit: count, EventCountLimit: count, LinkCountLimit: count,
			AttributePerEventCountLimit: count, AttributePerLinkCountLimit: count,
		}}, conform.Random(seed, int(steps%2000)))
	})
}
