import { Gauge, Histogram, type Registry } from 'prom-client'

export interface RequestMetrics {
  started(): void
  /** `route` is the pattern, never the URL, and `method` one of the usual: a label must have few values. */
  finished(method: string, route: string | undefined, status: number, seconds: number): void
  /** An answer is over whose duration says nothing of how fast the service is. */
  left(): void
}

// A client may use any of the forty methods that Node parses. https://opentelemetry.io/docs/specs/semconv/http/http-spans/
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Registers `http_request_duration_seconds` and `http_requests_in_flight`. */
export function requestMetrics(registry: Registry): RequestMetrics {
  let inFlight = 0
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  const gauge = new Gauge({
    name: 'http_requests_in_flight',
    help: 'Requests being answered.',
    registers: [],
    collect() {
      this.set(inFlight)
    },
  })
  registry.registerMetric(gauge)
  return {
    started: () => void inFlight++,
    finished(method, route = 'unmatched', status, seconds) {
      inFlight--
      durations.observe({ method: methods.has(method) ? method : '_OTHER', route, status }, seconds)
    },
    left: () => void inFlight--,
  }
}
