module example.com/shop

go 1.25.0

require (
	github.com/clewhq/clew v0.0.0
	go.opentelemetry.io/otel v1.46.0
	go.opentelemetry.io/otel/trace v1.46.0
)
