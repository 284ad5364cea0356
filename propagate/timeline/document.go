package timeline

import "time"

// Document is a report as JSON has it. Times are nanoseconds; From, To, Start and
// End are counted from the trace's first event.
type Document struct {
	Start    *time.Time     `json:"start,omitempty"` // wall clock of the first event, if the trace tells
	LengthNS int64          `json:"length_ns"`
	Spans    []SpanDocument `json:"spans"`
	Unknown  []WorkDocument `json:"unknown"`
	Warnings []string       `json:"warnings"`
}

// SpanDocument is a [Span].
type SpanDocument struct {
	TraceID   string         `json:"trace_id,omitempty"`
	SpanID    string         `json:"span_id"`
	ParentID  string         `json:"parent_id,omitempty"`
	Name      string         `json:"name,omitempty"`
	StartNS   int64          `json:"start_ns"`
	EndNS     int64          `json:"end_ns"`
	Complete  bool           `json:"complete"`
	Own       SplitDocument  `json:"own"`
	Elsewhere []WorkDocument `json:"elsewhere"`
}

// WorkDocument is a [Work].
type WorkDocument struct {
	Goroutine int64         `json:"goroutine"`
	How       How           `json:"how,omitempty"`
	Region    string        `json:"region,omitempty"`
	Why       string        `json:"why,omitempty"`
	FromNS    int64         `json:"from_ns"`
	ToNS      int64         `json:"to_ns"`
	QueuedNS  int64         `json:"queued_ns,omitempty"`
	Split     SplitDocument `json:"split"`
}

// SplitDocument is a [Split].
type SplitDocument struct {
	RunningNS   int64            `json:"running_ns"`
	RunnableNS  int64            `json:"runnable_ns"`
	SyscallNS   int64            `json:"syscall_ns"`
	WaitingNS   map[string]int64 `json:"waiting_ns"` // by reason
	SuspendedNS int64            `json:"suspended_ns"`
	UnknownNS   int64            `json:"unknown_ns"`
}

// Document makes r ready for encoding/json.
func (r *Report) Document() Document {
	d := Document{LengthNS: int64(r.Length), Spans: []SpanDocument{}, Unknown: works(r.Unknown), Warnings: []string{}}
	if !r.Start.IsZero() {
		d.Start = &r.Start
	}
	for _, s := range r.Spans {
		d.Spans = append(d.Spans, SpanDocument{
			TraceID: s.TraceID, SpanID: s.SpanID, ParentID: s.ParentID, Name: s.Name,
			StartNS: int64(s.Start), EndNS: int64(s.End), Complete: s.Complete,
			Own: s.Own.document(), Elsewhere: works(s.Elsewhere),
		})
	}
	for _, w := range r.Warnings {
		d.Warnings = append(d.Warnings, w.Error())
	}
	return d
}

func works(ws []Work) []WorkDocument {
	ds := []WorkDocument{}
	for _, w := range ws {
		ds = append(ds, WorkDocument{
			Goroutine: w.Goroutine, How: w.How, Region: w.Region, Why: w.Why,
			FromNS: int64(w.From), ToNS: int64(w.To), QueuedNS: int64(w.Queued), Split: w.Split.document(),
		})
	}
	return ds
}

func (s Split) document() SplitDocument {
	d := SplitDocument{
		RunningNS: int64(s.Running), RunnableNS: int64(s.Runnable), SyscallNS: int64(s.Syscall),
		WaitingNS: map[string]int64{}, SuspendedNS: int64(s.Suspended), UnknownNS: int64(s.Unknown),
	}
	for reason, t := range s.Waiting {
		d.WaitingNS[reason] = int64(t)
	}
	return d
}
