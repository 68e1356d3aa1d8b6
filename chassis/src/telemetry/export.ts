import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace'
import { newId } from '../ids.ts'

/** Where spans go, and of whom they are. */
export interface Export {
  readonly processor: SpanProcessor
  readonly resource: Resource
}

/** Spans leave by OTLP, in batches, at least every second. Loaded only by a process that has somewhere to send them. */
export function openExport(serviceName: string, endpoint: string): Export {
  const exporter = new OTLPTraceExporter({ url: new URL('v1/traces', `${endpoint.replace(/\/$/, '')}/`).href })
  const resource = resourceFromAttributes({
    'service.name': serviceName,
    'service.namespace': 'feira',
    'service.instance.id': newId(),
  })
  return {
    processor: new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 }),
    resource: defaultResource().merge(resource),
  }
}
