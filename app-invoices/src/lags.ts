import { Histogram, openedBy, type Startup } from '@feira/chassis'
import type { Config } from './config.ts'

/** Observes how long orders waited for their invoices, by when each was placed and when all of these were committed. */
export type ObserveLags = (placed: readonly Date[], committedAt: Date) => void

const opened = openedBy<ObserveLags>('openLags')

/** Registers `order_invoice_lag_seconds`. */
export const openLags: Startup<Config> = async resources => {
  const lag = new Histogram({
    name: 'order_invoice_lag_seconds',
    help: 'Time from placing an order to the commit of its invoice.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [resources.metrics],
  })
  opened.set(resources, (placed, committedAt) => {
    // Never negative: the clocks of two machines may differ by more than the lag.
    for (const at of placed) lag.observe(Math.max(0, committedAt.getTime() - at.getTime()) / 1_000)
  })
}

/** The meter of a running service. */
export const observeLagsOf = opened.of
