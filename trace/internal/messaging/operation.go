// Package messaging is what the doors of message brokers have in common: the names of the conventions
// for messaging, 1.43, and their counters.
package messaging

import (
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace"
)

// The histograms of durations, for trace.NewDoor.
const (
	OperationDuration = "messaging.client.operation.duration"
	ProcessDuration   = "messaging.process.duration"
)

// maxRemembered bounds what an Operation remembers, not what is recorded.
const maxRemembered = 1000

// Operation is one that a client does with messages, such as send, or that is done to them. It is safe
// for concurrent use.
type Operation struct {
	name   string
	series []attribute.KeyValue

	mu    sync.RWMutex
	known map[Destination]*Of
}

// Destination is where messages lie or pass.
type Destination struct {
	Name     string // of low cardinality; empty: none in particular
	Template bool   // Name is a pattern that many destinations match
	Group    string // of the consumers; empty: none
}

// Of is an Operation at a Destination. It is not to be changed.
type Of struct {
	Name   string               // of the span
	Series *trace.Series        // of span and metrics
	kvs    []attribute.KeyValue // the same
	count  []metric.AddOption   // the same for a counter
}

// NewOperation returns the operation of a name of the broker's own, and of a type that is the conventions'.
// series are what all its spans and metrics have.
func NewOperation(name string, typ attribute.KeyValue, series ...attribute.KeyValue) *Operation {
	return &Operation{
		name:   name,
		series: append(slices.Clip(series), semconv.MessagingOperationName(name), typ),
		known:  map[Destination]*Of{},
	}
}

// Of returns the operation at d.
func (o *Operation) Of(d Destination) *Of {
	o.mu.RLock()
	of, ok := o.known[d]
	o.mu.RUnlock()
	if ok {
		return of
	}
	of = o.describe(d)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.known) < maxRemembered {
		o.known[d] = of
	}
	return of
}

func (o *Operation) describe(d Destination) *Of {
	of := &Of{Name: o.name, kvs: slices.Clone(o.series)}
	if d.Name != "" {
		of.Name += " " + d.Name
		key := semconv.MessagingDestinationNameKey
		if d.Template {
			key = semconv.MessagingDestinationTemplateKey
		}
		of.kvs = append(of.kvs, key.String(d.Name))
	}
	if d.Group != "" {
		of.kvs = append(of.kvs, semconv.MessagingConsumerGroupName(d.Group))
	}
	of.kvs = slices.Clip(of.kvs)
	of.Series = trace.NewSeries(of.kvs...)
	of.count = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(slices.Clone(of.kvs)...))}
	return of
}
