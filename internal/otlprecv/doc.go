// Package otlprecv is an OTLP receiver of traces or metrics to be embedded in a
// program: the HTTP endpoints /v1/traces and /v1/metrics in protobuf and in JSON,
// and the gRPC services.
//
// What it decodes of traces goes to one [Sink], and a sender is told that its spans were
// taken only after the sink has taken them. Spans that no store could file
// (their ids are missing, zero or of the wrong length) are turned away one by
// one and counted in the answer's partial_success, as the protocol has it;
// the others of the same request go on.
//
// A signal without a sink is not accepted, and logs never are: answering "thank you" and dropping them
// would look to their sender like success. They get 404 and Unimplemented,
// with a sentence that names the variable to set.
//
// The protocol is the OTLP specification 1.9, proto 1.11.
package otlprecv
