/** A metric of docs/metrics.md that goes to CloudWatch. Each series there costs money, so it is these and no labels more. */
export interface AlarmMetric {
  readonly name: string
  readonly dimensions: readonly string[]
  /** Only series with this label. */
  readonly only?: { readonly label: string; readonly value: string }
  /** No series of which this OTTL condition is true. */
  readonly except?: string
}

export const alarmMetrics: readonly AlarmMetric[] = [
  { name: 'queue_messages', dimensions: ['service'], only: { label: 'kind', value: 'work' } },
  { name: 'queue_consumers', dimensions: ['service'] },
  { name: 'dead_letters', dimensions: ['service'] },
  { name: 'outbox_messages', dimensions: ['service', 'state'] },
  { name: 'outbox_oldest_seconds', dimensions: ['service'] },
  { name: 'broker_connected', dimensions: ['service'] },
  { name: 'database_pool_connections', dimensions: ['service', 'state'], only: { label: 'state', value: 'waiting' } },
  { name: 'nodejs_eventloop_lag_p99_seconds', dimensions: ['service'] },
  {
    name: 'circuit_breaker_state',
    dimensions: ['service', 'state'],
    only: { label: 'state', value: 'open' },
    // The target of a webhook is its partner's business.
    except: 'attributes["name"] == "webhook"',
  },
  { name: 'orders', dimensions: ['service', 'status'], only: { label: 'status', value: 'pending' } },
  { name: 'orders_placed_total', dimensions: ['service'] },
  { name: 'order_invoice_lag_seconds', dimensions: ['service'] },
  { name: 'events_processed_total', dimensions: ['service'] },
  { name: 'events_failed_total', dimensions: ['service'] },
]
