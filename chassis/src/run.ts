import { baseConfig, environment } from './config.ts'
import type { Service } from './service.ts'

export { environment } from './config.ts'

/**
 * What a service's `main.ts` calls. Without an argument it starts the service and stops it on SIGTERM or SIGINT;
 * `setup` migrates its database and declares its queues, `migrate` does only the former.
 * @param load imports the service. Only now, because what is loaded before OpenTelemetry's instrumentations are in place
 *   they cannot change; for the same reason this file imports nothing of the chassis that loads a driver.
 */
export async function runService(load: () => Promise<Service>, args: readonly string[] = process.argv.slice(2)) {
  if (args.length === 0) await instrumentDrivers()
  const { runLoaded } = await import('./run-loaded.ts')
  await runLoaded(await load(), args)
}

// What is wrong here is said with all else that is wrong, by the service when it reads its settings.
async function instrumentDrivers(): Promise<void> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_INSTRUMENTATION: text } = environment()
  const { data: mode = 'seams' } = baseConfig.OTEL_INSTRUMENTATION.safeParse(text || undefined)
  if (!endpoint || mode === 'seams') return
  const { instrument } = await import('./telemetry/instrumentation.ts')
  await instrument(mode)
}
