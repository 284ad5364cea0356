package shop

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// newRedis is the Redis client of a service.
func newRedis(addr string, carry Propagation) *redis.Client {
	const (
		dialTime  = 5 * time.Second
		replyTime = 10 * time.Second // a busy machine may let a script run for seconds
	)
	client := redis.NewClient(&redis.Options{
		Addr:                     addr,
		Password:                 os.Getenv(RedisPassword),
		Dialer:                   propagate.DialContext((&net.Dialer{Timeout: dialTime}).DialContext),
		ReadTimeout:              replyTime,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	client.AddHook(redisSpans{server: addr, carry: carry})
	return client
}

// redisSpans makes a client span of every command that is sent within a trace.
type redisSpans struct {
	server string
	carry  Propagation
}

func (h redisSpans) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h redisSpans) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h redisSpans) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	attrs := h.attributes()
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !oteltrace.SpanContextFromContext(ctx).IsValid() {
			return next(ctx, cmd)
		}
		name := strings.ToUpper(cmd.FullName())
		ctx, span := h.carry.start(ctx, name, oteltrace.WithSpanKind(oteltrace.SpanKindClient),
			oteltrace.WithAttributes(attrs...), oteltrace.WithAttributes(semconv.DBOperationName(name)))
		defer span.End()
		err := next(ctx, cmd)
		if err != nil && !errors.Is(err, redis.Nil) {
			span.SetStatus(codes.Error, err.Error())
		}
		return err
	}
}

func (h redisSpans) attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{semconv.DBSystemNameRedis}
	host, port, err := net.SplitHostPort(h.server)
	if err != nil {
		return attrs
	}
	attrs = append(attrs, semconv.ServerAddress(host))
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, semconv.ServerPort(n))
	}
	return attrs
}
