/** The policy pack: `pulumi preview --policy-pack policy` holds what it would make against every rule. */
import { PolicyPack } from '@pulumi/policy'
import type { Resource } from './resource.ts'
import { rules, stackRules } from './rules.ts'

interface Judged {
  readonly urn: string
  readonly type: string
  readonly name: string
  readonly props: Record<string, unknown>
}

const resourceOf = ({ urn, type, name, props }: Judged): Resource => ({ urn, type, name, props })

// Constructing it starts the server that Pulumi asks.
new PolicyPack('feira', {
  policies: [
    ...rules.map(rule => ({
      name: rule.name,
      description: rule.description,
      enforcementLevel: 'mandatory' as const,
      validateResource: (args: Judged, report: (message: string) => void) => {
        for (const problem of rule.check(resourceOf(args))) report(`${args.name} ${problem}`)
      },
    })),
    ...stackRules.map(rule => ({
      name: rule.name,
      description: rule.description,
      enforcementLevel: 'mandatory' as const,
      validateStack: (args: { readonly resources: readonly Judged[] }, report: (message: string) => void) => {
        for (const problem of rule.check(args.resources.map(resourceOf))) report(problem)
      },
    })),
  ],
})
