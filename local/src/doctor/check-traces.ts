import type { Facts, Mode } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { running } from './running.ts'

/** Whether what services record of a request arrives. */
export function checkTraces({ traces: { recording, arrived, jaegerUrl }, services, mode }: Facts): Finding[] {
  const asked = services.filter(({ deadLetters }) => deadLetters.answered).map(({ name }) => name)
  if (asked.length === 0) return running(services).length > 0 ? [unasked()] : []
  if (recording.length === 0) return [off(mode)]
  if (!arrived) return [unseen(mode, jaegerUrl, recording)]
  const lost = recording.filter(name => !arrived.includes(name))
  const without = asked.filter(name => !recording.includes(name))
  if (lost.length > 0) {
    const says = `those of ${lost.join(', ')} do not arrive in Jaeger at ${jaegerUrl}`
    return [trouble('wrong', 'traces', says, 'see that OTEL_EXPORTER_OTLP_ENDPOINT of these services leads to it')]
  }
  const rest = without.length === 0 ? '' : `; ${without.join(', ')} record none`
  return [ok('traces', `those of ${recording.length} services arrive in Jaeger at ${jaegerUrl}${rest}`)]
}

function unasked(): Finding {
  const remedy = "look from where the services' own ports can be reached"
  return trouble('unknown', 'traces', 'unknown: no service could be asked to record one', remedy)
}

function off(mode: Mode): Finding {
  const says = 'are off: no service has OTEL_EXPORTER_OTLP_ENDPOINT; ids flow all the same'
  if (mode !== 'compose') return ok('traces', says)
  return trouble(
    'warning',
    'traces',
    says,
    'docker-compose.yml sets it: `docker compose up -d` makes the services anew',
  )
}

function unseen(mode: Mode, jaegerUrl: string, recording: readonly string[]): Finding {
  const says = `${recording.length} services record them, but no Jaeger answers at ${jaegerUrl}`
  if (mode === 'compose')
    return trouble('wrong', 'traces', says, '`docker compose up -d jaeger`; `docker compose logs jaeger`')
  return trouble('unknown', 'traces', says, 'tell where they go by --jaeger, when it is a Jaeger')
}
