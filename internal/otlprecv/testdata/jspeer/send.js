// send.js PROTOCOL URL COMPRESSION: sends two spans with the OpenTelemetry JS
// SDK and prints what the SDK says of them, one JSON object, for the receiver's
// test to compare.
'use strict';

const { SpanKind, SpanStatusCode, context, trace } = require('@opentelemetry/api');
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { resourceFromAttributes } = require('@opentelemetry/resources');

const [protocol, url, compression] = process.argv.slice(2);
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-' + protocol);

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'js-shop', 'service.version': '1.0' }),
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url, compression }))],
});
provider.register();
const tracer = trace.getTracer('jspeer', '0.1');

const parent = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER });
const elsewhere = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
const child = tracer.startSpan('SELECT', {
  kind: SpanKind.CLIENT,
  attributes: { text: 'ü "quoted"', whole: 42, part: 0.5, yes: true, list: ['a', 'b'] },
  links: [{ context: elsewhere, attributes: { why: 'batch' } }],
}, trace.setSpan(context.active(), parent));
child.addEvent('retry', { attempt: 2 });
child.setStatus({ code: SpanStatusCode.ERROR, message: 'no rows' });
child.end();
parent.end();

const nanos = ([s, ns]) => String(BigInt(s) * 1000000000n + BigInt(ns));
const said = (span) => ({
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  start: nanos(span.startTime),
  end: nanos(span.endTime),
});
provider.shutdown().then(
  () => console.log(JSON.stringify({ parent: said(parent), child: said(child), event: nanos(child.events[0].time) })),
  (e) => { console.error(e); process.exitCode = 1; },
);
