import * as pulumi from '@pulumi/pulumi'
import { z } from 'zod'

const namespace = 'feira-bootstrap'

const options = {
  repository: z
    .string()
    .regex(
      /^[\w.-]+(@\d+)?\/[\w.-]+(@\d+)?$/,
      'must be as GitHub tells it in its tokens: owner/name, or owner@1/name@2',
    )
    .describe('whose workflows are trusted'),
  environments: z
    .array(z.string().regex(/^[\w-]+$/, 'must be the name of an environment'))
    .min(1)
    .describe('environments of GitHub that deploy to this account, e.g. ["dev"]'),
  preview: z.boolean().default(true).describe('whether pull requests may read what is deployed here'),
  oidcProviderArn: z
    .string()
    .regex(/^arn:aws[\w-]*:iam::\d+:oidc-provider\/token\.actions\.githubusercontent\.com$/, 'must be that of GitHub')
    .optional()
    .describe('an account can have one only: this one exists already'),
  protect: z.boolean().default(true).describe('false: the bucket and the key of the state may be deleted'),
}

const schema = z.strictObject(options)

export type BootstrapConfig = Readonly<z.output<typeof schema>>

/** @throws pulumi.RunError naming every option that is missing, wrong or unknown; Pulumi shows it without a stack trace. */
export function readBootstrapConfig(): BootstrapConfig {
  const given = Object.fromEntries(
    Object.entries(pulumi.runtime.allConfig()).flatMap(([key, value]) => {
      const [prefix, name] = key.split(':')
      return prefix === namespace && name !== undefined ? [[name, plain(value)]] : []
    }),
  )
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path, message }) => {
    const name = String(path[0] ?? '')
    const description = name in options ? ` (${options[name as keyof typeof options].description})` : ''
    return `  ${[namespace, ...(name === '' ? [] : [name])].join(':')}: ${message}${description}`
  })
  throw new pulumi.RunError(`The stack is not configured:\n${lines.join('\n')}\nSee infra/bootstrap/README.md.`)
}

/** Options are kept as text; what is not a string was written as JSON. */
function plain(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
