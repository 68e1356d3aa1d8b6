import { logOf, reach, setUpOf, startOf } from './advice.ts'
import { describeSilence, type Contact } from '../ask.ts'
import type { Facts, Mode, ServiceFacts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { faultsOf, healthIn } from './health.ts'
import { find } from './samples.ts'

/** Whether the gateway answers, and is Feira's. */
export function checkGateway({ gateway, services, mode }: Facts): Finding {
  const what = 'gateway'
  if (!gateway.answered) {
    const remedy =
      mode === 'elsewhere'
        ? 'see that the address is right and the gateway runs'
        : '`npm start`, or with Docker `docker compose up -d`; elsewhere: --url, or GATEWAY_PORT'
    return trouble('wrong', what, `${gateway.url}: ${describeSilence(gateway)}`, remedy)
  }
  const ours = String(gateway.body).includes('<title>Feira</title>') || services.some(({ routed }) => healthIn(routed))
  if (!ours) {
    const remedy = 'end the other program, or move one of them: GATEWAY_PORT'
    return trouble('wrong', what, `another program than Feira's gateway answers at ${gateway.url}`, remedy)
  }
  return ok(what, `answers at ${gateway.url}`)
}

/** Whether each service runs, is the one that it should be, has what it needs, and is reached by the gateway. */
export function checkServices(facts: Facts): Finding[] {
  const nothing = facts.services.every(({ health, routed }) => !health.answered && !healthIn(routed))
  if (nothing && !facts.gateway.answered) return [trouble('wrong', 'services', 'none runs')]
  return facts.services.map(service => checkService(facts, service))
}

function checkService({ mode, gateway }: Facts, service: ServiceFacts): Finding {
  const check = `app-${service.name}`
  const health = healthIn(service.health) ?? healthIn(service.routed)
  const other = otherProgram(service)
  if (other !== undefined) {
    const remedy = `end the other program, or move one of them: ${service.portVariable}`
    return trouble('wrong', check, other, remedy)
  }
  if (!health) return away(mode, check, service)
  const faults = faultsOf(health)
  if (faults.length > 0) return notReady(mode, service.name, faults)
  if (!service.health.answered) {
    return ok(check, `ready, by way of the gateway; on its own port ${describeSilence(service.health)}`)
  }
  if (gateway.answered && !healthIn(service.routed)) return unrouted(mode, check, service.routed)
  return ok(check, `ready at ${service.url}`)
}

/** Says so when somebody else answers on the service's port. */
function otherProgram({ name, url, health, metrics }: ServiceFacts): string | undefined {
  if (!health.answered) return health.why === 'not-http' ? `${url}: ${describeSilence(health)}` : undefined
  if (!healthIn(health)) return `another program than app-${name} answers at ${url}`
  const [sample] = find(metrics ?? [], 'process_start_time_seconds')
  const found = sample?.labels['service']
  return found === undefined || found === name
    ? undefined
    : `app-${found} answers at ${url}, where app-${name} should be`
}

function away(mode: Mode, check: string, { name, url, health }: ServiceFacts): Finding {
  if (!health.answered && health.why === 'timeout') {
    const says = `${url}: ${describeSilence(health)}; it hangs, is suspended or has too much to do`
    return trouble(
      'wrong',
      check,
      says,
      `${logOf(mode, name)}; what it has begun is safe, so end it and start it again`,
    )
  }
  const says = health.answered ? `answers at ${url}, but not about its health` : `${url}: ${describeSilence(health)}`
  return trouble('wrong', check, says, startOf(mode, name))
}

function notReady(mode: Mode, name: string, faults: readonly (readonly [string, string])[]): Finding {
  const down = new Map(faults)
  // Without a database nobody can tell which migrations it has.
  if (down.has('database')) down.delete('migrations')
  const says = `not ready: ${[...down].map(([dependency, reason]) => `${dependency}: ${reason}`).join('; ')}`
  const remedies = [
    ...(down.has('database') ? [reach(mode, 'database', name)] : []),
    ...(down.has('migrations') ? [setUpOf(mode, name)] : []),
    ...(down.has('broker') ? [reach(mode, 'broker', name)] : []),
  ]
  return trouble('wrong', `app-${name}`, says, remedies.join('; ') || logOf(mode, name))
}

function unrouted(mode: Mode, check: string, routed: Contact): Finding {
  const what = routed.answered ? `answers ${routed.status} for it` : describeSilence(routed)
  const remedy =
    mode === 'compose'
      ? '`docker compose restart kong`, which reads docker/kong/kong.yml at its start'
      : 'see that the gateway looks for it at this address: both read the same *_PORT variables when they start'
  return trouble('wrong', check, `runs, but the gateway does not reach it: ${what}`, remedy)
}
