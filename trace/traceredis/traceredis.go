// Package traceredis puts client spans around the commands and pipelines of go-redis.
//
//	client := redis.NewClient(&redis.Options{Addr: addr})
//	client.AddHook(traceredis.Hook(client.Options()))
//
// A span is named as the command, a pipeline's PIPELINE or MULTI with the commands it has in common.
// db.query.text holds the command without its arguments: keys and values are data. The metric is
// db.client.operation.duration. Conventions: OpenTelemetry's for databases and for Redis, 1.43.
//
// Connections are dialled without the trace of the request that happened to need one first, because
// their goroutines serve many requests.
package traceredis

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// maxText bounds db.query.text of a pipeline, in commands.
const maxText = 50

// Hook returns a hook for go-redis's AddHook. o says which server the commands go to; nil: it is not
// told, as for a cluster, whose nodes have hooks of their own.
func Hook(o *redis.Options, opts ...trace.Option) redis.Hook {
	h := hook{door: trace.NewDoor("db.client.operation.duration", opts...)}
	h.series = append(h.series, semconv.DBSystemNameRedis)
	if o == nil {
		return h
	}
	h.series = append(h.series, semconv.DBNamespace(strconv.Itoa(o.DB)))
	if host, port, err := net.SplitHostPort(o.Addr); err == nil {
		h.series = append(h.series, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			h.series = append(h.series, semconv.ServerPort(n))
		}
	} else if o.Addr != "" {
		h.series = append(h.series, semconv.ServerAddress(o.Addr)) // a Unix socket
	}
	return h
}

type hook struct {
	door   *trace.Door
	series []attribute.KeyValue
}

// DialHook implements [redis.Hook].
func (hook) DialHook(next redis.DialHook) redis.DialHook { return propagate.DialContext(next) }

// ProcessHook implements [redis.Hook].
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) (err error) {
		ctx, p := h.begin(ctx, name(cmd), name(cmd), 0)
		defer p.EndOnPanic()
		err = next(ctx, cmd)
		end(p, err)
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) (err error) {
		operation, text := summary(cmds)
		ctx, p := h.begin(ctx, operation, text, len(cmds))
		defer p.EndOnPanic()
		err = next(ctx, cmds)
		failed := err
		if errors.Is(err, redis.Nil) {
			failed = nil // the first command's; another may have failed all the same
		}
		for i := 0; failed == nil && i < len(cmds); i++ {
			if e := cmds[i].Err(); !errors.Is(e, redis.Nil) {
				failed = e
			}
		}
		end(p, failed)
		return err
	}
}

func (h hook) begin(ctx context.Context, operation, text string, batch int) (context.Context, *trace.Passage) {
	r := trace.Request{
		Name: operation, Kind: oteltrace.SpanKindClient,
		Series:     append(slices.Clip(h.series), semconv.DBOperationName(operation)),
		Attributes: []attribute.KeyValue{semconv.DBQueryText(text)},
	}
	if batch > 1 {
		r.Attributes = append(r.Attributes, semconv.DBOperationBatchSize(batch))
	}
	return h.door.Begin(ctx, r)
}

// name is the command's, of those that the client knows: go-redis writes them in lower case. What a
// program sends by Do may be anything.
func name(cmd redis.Cmder) string { return strings.ToUpper(cmd.Name()) }

// summary names a pipeline: by the one command it is made of, if it is, and whether it is a transaction.
func summary(cmds []redis.Cmder) (operation, text string) {
	operation = "PIPELINE"
	names := make([]string, 0, len(cmds))
	for _, cmd := range cmds {
		switch n := name(cmd); n {
		case "MULTI":
			operation = "MULTI"
		case "EXEC":
		default:
			names = append(names, n)
		}
	}
	one := len(names) > 0
	for _, n := range names {
		one = one && n == names[0]
	}
	if one {
		operation += " " + names[0]
	}
	if len(names) > maxText {
		names = append(names[:maxText], "…")
	}
	return operation, strings.Join(names, "\n")
}

// end ends p. That a key is not there is an answer, not a failure; Redis's own errors begin with a word
// that says which, and that is db.response.status_code.
func end(p *trace.Passage, err error) {
	var answer redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		p.End(nil)
	case errors.As(err, &answer):
		word, _, _ := strings.Cut(answer.Error(), " ")
		if !isWord(word) {
			word = "ERR"
		}
		p.AddSeries(semconv.DBResponseStatusCode(word))
		p.EndAs(word, word) // the rest may quote the command's arguments
	default:
		p.End(err)
	}
}

// isWord reports whether s is what Redis begins its errors with, such as WRONGTYPE.
func isWord(s string) bool {
	return s != "" && len(s) <= 32 && strings.IndexFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }) < 0
}
