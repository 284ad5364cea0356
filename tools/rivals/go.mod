module github.com/clewhq/clew/tools/rivals

go 1.26

require (
	github.com/clewhq/clew v0.0.0
	github.com/timandy/routine v1.1.6
	go.opentelemetry.io/otel/trace v1.46.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.opentelemetry.io/otel v1.46.0 // indirect
)

replace github.com/clewhq/clew => ../..
