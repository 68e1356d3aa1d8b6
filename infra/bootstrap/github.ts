import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { BootstrapConfig } from './config.ts'

const issuer = 'token.actions.githubusercontent.com'
const audience = 'sts.amazonaws.com'

/** What makes AWS believe tokens of GitHub. */
export function githubProvider({ oidcProviderArn }: BootstrapConfig): pulumi.Input<string> {
  if (oidcProviderArn !== undefined) return oidcProviderArn
  return new aws.iam.OpenIdConnectProvider('github', { url: `https://${issuer}`, clientIdLists: [audience] }).arn
}

/**
 * As whom a workflow introduces itself. The rules of an environment (who approves, which branches) are then those of
 * the role as well.
 * https://docs.github.com/en/actions/reference/security/oidc
 */
export function subjectsOf({ repository, environments, preview }: BootstrapConfig) {
  return {
    deploy: environments.map(environment => `repo:${repository}:environment:${environment}`),
    preview: preview ? [`repo:${repository}:pull_request`] : undefined,
  }
}

/** A role for workflows, with nothing but these policies. It is outside of the path in which deployments make roles. */
export function githubRole(
  name: string,
  provider: pulumi.Input<string>,
  subjects: readonly string[],
  policies: Readonly<Record<string, aws.iam.Policy>>,
): aws.iam.Role {
  const role = new aws.iam.Role(name, {
    name: `feira-${name}`,
    maxSessionDuration: 2 * 3_600,
    assumeRolePolicy: pulumi.jsonStringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: provider },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: { StringEquals: { [`${issuer}:aud`]: audience, [`${issuer}:sub`]: subjects } },
        },
      ],
    }),
  })
  for (const [part, policy] of Object.entries(policies)) {
    new aws.iam.RolePolicyAttachment(`${name}-${part}`, { role: role.name, policyArn: policy.arn })
  }
  return role
}
