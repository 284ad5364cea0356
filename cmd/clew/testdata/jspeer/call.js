// call.js URL: requests URL under a client span of the OpenTelemetry JS SDK,
// which sends the W3C traceparent and exports to OTEL_EXPORTER_OTLP_ENDPOINT, and
// prints the ids of that span and the answer's status.
'use strict';

const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');

let made; // the first span the instrumentation made; the exporter's requests come later
registerInstrumentations({
  instrumentations: [new HttpInstrumentation({ requestHook: (span) => { made ??= span; } })],
});
const http = require('http');

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'js-shop' }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

http.get(process.argv[2], (res) => {
  res.resume();
  res.on('end', async () => {
    const sent = res.req.getHeader('traceparent');
    await new Promise((done) => setImmediate(done)); // the instrumentation ends its span on the same event
    await provider.shutdown();
    const { traceId, spanId } = made.spanContext();
    console.log(JSON.stringify({ traceId, spanId, traceparent: sent, status: res.statusCode }));
  });
}).on('error', (e) => { console.error(e); process.exitCode = 1; });
