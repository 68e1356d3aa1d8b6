import { Gauge, type Registry } from 'prom-client'
import { within } from '../time-limit.ts'

/** Milliseconds that a scrape waits for what it asks of a database or a broker. */
const patience = 2_000

/** Gives what gauges show, or undefined when it could not be had in time. */
export type Sampler<Sample> = () => Promise<Sample | undefined>

/**
 * Asks for what gauges show, once for all scrapes that come meanwhile; none waits longer than 2 s. What is late is not asked
 * for again until it has come or failed, so that a database which hangs is not asked more and more.
 * @param ask rejects when there is no answer; it must not stay unanswered for ever.
 */
export function sampler<Sample>(ask: () => Promise<Sample>): Sampler<Sample> {
  let asked: Promise<Sample> | undefined
  const askOnce = () => (asked ??= ask().finally(() => (asked = undefined)))
  return () => within(patience, askOnce).catch(() => undefined)
}

export interface SampledGaugeOptions<Sample, Label extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly Label[]
  readonly sample: Sampler<Sample>
  /** The values of a sample, each with its labels. */
  readonly read: (sample: Sample) => Iterable<readonly [labels: Readonly<Record<Label, string>>, value: number]>
}

/** Registers a gauge that shows what is sampled at each scrape; without a sample it is absent, and leaves the others alone. */
export function sampledGauge<Sample, Label extends string = never>(
  registry: Registry,
  { name, help, labelNames = [], sample, read }: SampledGaugeOptions<Sample, Label>,
): void {
  const gauge = new Gauge<Label>({
    name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      const sampled = await sample()
      gauge.reset()
      // Resetting sets a gauge without labels to 0.
      if (labelNames.length === 0) gauge.remove()
      for (const [labels, value] of sampled === undefined ? [] : read(sampled)) gauge.set(labels, value)
    },
  })
}
