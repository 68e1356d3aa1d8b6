import { z } from 'zod'
import type { Rule } from './resource.ts'

const oneOrMore = z.union([z.string().transform(text => [text]), z.array(z.string())]).default([])
const document = z.object({
  Statement: z.array(
    z.object({
      Sid: z.string().optional(),
      Effect: z.string(),
      Principal: z.union([z.string(), z.record(z.string(), oneOrMore)]).optional(),
      Action: oneOrMore,
      NotAction: oneOrMore,
      Resource: oneOrMore,
      NotResource: oneOrMore,
    }),
  ),
})

/** The properties of resources that are policies. */
const policies = ['policy', 'assumeRolePolicy', 'inlinePolicies']

export const wildcardsHaveAReason: Rule = {
  name: 'wildcards-have-a-reason',
  description: 'A statement with * in its actions or resources says why in its id, which begins with Because.',
  check({ type, props }) {
    if (type === 'aws:iam/userPolicy:UserPolicy' || type === 'aws:iam/accessKey:AccessKey') {
      return ['is for a person with a long-lived key; use roles']
    }
    const attached = props['policyArn']
    if (typeof attached === 'string' && /AdministratorAccess|PowerUserAccess|FullAccess/.test(attached))
      return [`attaches ${attached}`]
    return policies.flatMap(property => {
      const text = props[property]
      // ECR's lifecycle, too, is a policy, and no IAM policy.
      if (typeof text !== 'string' || !text.includes('"Statement"')) return []
      return document.parse(JSON.parse(text)).Statement.flatMap(statement => {
        if (statement.Effect !== 'Allow') return []
        const { Principal: principal, NotAction, NotResource } = statement
        const everybody =
          principal === '*' || (typeof principal === 'object' && Object.values(principal).flat().includes('*'))
        if (everybody) return ['allows it to everybody']
        const wild = [...statement.Action, ...statement.Resource].filter(text => text.includes('*'))
        const open = NotAction.length + NotResource.length > 0
        if ((wild.length === 0 && !open) || /^Because[A-Z]\w{10,}$/.test(statement.Sid ?? '')) return []
        return [`allows ${open ? 'all but something' : wild.join(', ')} without a reason`]
      })
    })
  },
}
