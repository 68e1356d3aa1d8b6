import { setTimeout as sleep } from 'node:timers/promises'
import { Counter, Histogram, type Registry } from 'prom-client'
import { duration, type BaseConfig } from './config.ts'
import type { Resources, Transact } from './service.ts'
import { traced, type Tracer } from './telemetry/tracer.ts'

/** Work that a service repeats as long as it runs. A plain value: nothing happens until a service runs it. */
export interface Job<Config = never> {
  readonly name: string
  /** Milliseconds from the end of a run to the start of the next. */
  interval(config: BaseConfig & Config): number
  /** @param signal aborts when the service stops; a run that goes on is waited for, within `SHUTDOWN_TIMEOUT`. */
  run(resources: Resources<Config>, signal: AbortSignal): Promise<void>
}

/**
 * A job that runs when its service starts and then again and again, in every replica: it must be safe in parallel with
 * itself elsewhere. In one process it never overlaps with itself. What it throws is logged and counted, and it goes on.
 * @param interval such as `10s`, or milliseconds by configuration; from the end of a run to the start of the next.
 */
export function every<Config = unknown>(
  name: string,
  interval: string | ((config: BaseConfig & Config) => number),
  run: Job<Config>['run'],
): Job<Config> {
  if (typeof interval === 'function') return { name, interval, run }
  const milliseconds = duration().parse(interval)
  return { name, interval: () => milliseconds, run }
}

export interface JobsOptions {
  readonly jobs: readonly Job[]
  readonly resources: Resources
  readonly tracer: Tracer
}

/** Starts jobs. @returns a function that lets runs under way finish and starts none any more. */
export function startJobs({ jobs, resources, tracer }: JobsOptions): () => Promise<void> {
  const stopping = new AbortController()
  const measure = measureRuns(resources.metrics)
  const running = jobs.map(async job => {
    while (!stopping.signal.aborted) {
      await measure(job.name, () => runOnce(job, { resources, tracer, signal: stopping.signal }))
      const pause = job.interval(resources.config as Resources<never>['config'])
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })
  return async () => {
    stopping.abort(new Error('the service is stopping'))
    await Promise.all(running)
  }
}

type RunOptions = Omit<JobsOptions, 'jobs'> & { readonly signal: AbortSignal }

/** @returns whether it went well; never rejects. */
async function runOnce(job: Job, { resources, tracer, signal }: RunOptions): Promise<boolean> {
  const log = resources.log.child({ job: job.name })
  const own: Resources = { ...resources, log, transact: tracedBy(tracer, job.name, resources.transact) }
  try {
    await job.run(own as Resources<never>, signal)
    return true
  } catch (error) {
    if (!signal.aborted) log.error({ err: error }, 'job failed; it runs again after its interval')
    return false
  }
}

// Most runs only look and find nothing: a trace begins where a job changes something.
function tracedBy(tracer: Tracer, name: string, transact: Transact): Transact {
  return work => traced(`job ${name}`, tracer, () => transact(work))
}

function measureRuns(registry: Registry): (job: string, run: () => Promise<boolean>) => Promise<void> {
  const registers = [registry]
  const runs = new Counter({
    name: 'job_runs_total',
    help: 'Runs of jobs, by what became of them.',
    labelNames: ['job', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'job_duration_seconds',
    help: 'Time that a run of a job took.',
    labelNames: ['job'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120],
    registers,
  })
  return async (job, run) => {
    const stop = seconds.startTimer({ job })
    const outcome = (await run()) ? 'done' : 'failed'
    stop()
    runs.inc({ job, outcome })
  }
}
