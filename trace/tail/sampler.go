package tail

import sdktrace "go.opentelemetry.io/otel/sdk/trace"

// Sampler returns base with the difference that what base drops is recorded, so that t can decide on
// it later. base decides on what is sampled, and what other processes are told.
func (t *Tail) Sampler(base sdktrace.Sampler) sdktrace.Sampler { return sampler{base} }

type sampler struct{ sdktrace.Sampler }

// ShouldSample implements [sdktrace.Sampler].
func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	r := s.Sampler.ShouldSample(p)
	if r.Decision == sdktrace.Drop {
		r.Decision = sdktrace.RecordOnly
	}
	return r
}

// Description implements [sdktrace.Sampler].
func (s sampler) Description() string { return "Tail{" + s.Sampler.Description() + "}" }
