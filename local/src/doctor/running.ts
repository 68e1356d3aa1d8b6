import type { ServiceFacts } from './facts.ts'
import { healthIn } from './health.ts'
import type { Sample } from './samples.ts'

/** The services that answer, be it by way of the gateway: what others do not tell, the check of services says. */
export function running(services: readonly ServiceFacts[]): readonly ServiceFacts[] {
  return services.filter(({ health, routed }) => healthIn(health) ?? healthIn(routed))
}

/** Those whose metrics could be read. */
export function measured(services: readonly ServiceFacts[]) {
  return services.flatMap(({ name, metrics }): { readonly name: string; readonly metrics: readonly Sample[] }[] =>
    metrics ? [{ name, metrics }] : [],
  )
}
