import * as pulumi from '@pulumi/pulumi'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { rules } from '../policy/rules.ts'
import { answerCall, stateOf } from '../src/plan/mocks.ts'
import { plan, type PlannedResource } from '../src/plan/plan.ts'
import { programTimeout, runProgram, type ProgramRun, type RegisteredResource } from '../src/testing/run-program.ts'
import { creations } from './creations.testing.ts'
import { allows, documentOf, type Document, type Question } from './iam.testing.ts'

const account = '123456789012'
const region = 'eu-west-1'
const given = {
  'aws:region': region,
  'feira-bootstrap:repository': 'acme/feira',
  'feira-bootstrap:environments': ['dev'],
}

function bootstrap(config: Readonly<Record<string, unknown>>, preview = false): Promise<ProgramRun> {
  return runProgram({
    folder: fileURLToPath(new URL('./', import.meta.url)),
    stack: 'dev',
    config,
    preview,
    made: (type, name, inputs) => ({ ...stateOf(type, name, inputs), ...realNames(type, name, inputs) }),
    answered: answerCall,
  })
}

function realNames(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  switch (type) {
    case 'aws:iam/policy:Policy':
      return { arn: `arn:aws:iam::${account}:policy/${String(inputs['name'])}` }
    case 'aws:iam/role:Role':
      return { arn: `arn:aws:iam::${account}:role/${String(inputs['name'])}` }
    case 'aws:s3/bucket:Bucket':
      return { arn: `arn:aws:s3:::${String(inputs['bucket'])}` }
    case 'aws:kms/key:Key':
      return { arn: `arn:aws:kms:${region}:${account}:key/${name}` }
    default:
      return {}
  }
}

let run: ProgramRun
let planned: readonly PlannedResource[]
beforeAll(async () => {
  run = await bootstrap(given)
  const all = { 'feira:alarmEmail': 'ops@feira.example' }
  planned = await plan('dev', { options: all })
}, 2 * programTimeout)

const ofType = (type: string) => run.resources.filter(resource => resource.type === type)
const inputsOf = (type: string, name: string): RegisteredResource['inputs'] => {
  const found = run.resources.find(resource => resource.type === type && resource.name === name)
  if (found === undefined) throw new Error(`there is no ${type} ${name}`)
  return found.inputs
}

/** The policies of a role. */
function documentsOf(role: string): Document[] {
  const policies = ofType('aws:iam/policy:Policy')
  return ofType('aws:iam/rolePolicyAttachment:RolePolicyAttachment')
    .filter(({ inputs }) => inputs['role'] === role)
    .map(({ inputs }) => {
      const name = String(inputs['policyArn']).split('/').at(-1)
      return documentOf(String(policies.find(policy => policy.inputs['name'] === name)?.inputs['policy']))
    })
}

test('runs to its end and tells what GitHub is to be told', () => {
  expect({ ...run, resources: [] }).toMatchObject({ exitCode: 0, messages: [], printed: '' })
  expect(run.outputs).toEqual({
    AWS_REGION: region,
    AWS_DEPLOY_ROLE: `arn:aws:iam::${account}:role/feira-deploy`,
    AWS_PREVIEW_ROLE: `arn:aws:iam::${account}:role/feira-preview`,
    PULUMI_BACKEND_URL: `s3://feira-pulumi-${account}-${region}`,
    PULUMI_SECRETS_PROVIDER: `awskms://alias/feira-pulumi?region=${region}`,
  })
})

test('keeps the rules of the policy pack', () => {
  const judged = run.resources.map(({ type, name, inputs }) => ({ urn: name, type, name, props: inputs }))
  expect(rules.flatMap(rule => judged.flatMap(resource => rule.check(resource)))).toEqual([])
})

test(
  'can be previewed, may use the provider that is there, and leave previews out',
  async () => {
    const oidcProviderArn = `arn:aws:iam::${account}:oidc-provider/token.actions.githubusercontent.com`
    const other = await bootstrap(
      {
        ...given,
        'feira-bootstrap:environments': ['dev', 'prod'],
        'feira-bootstrap:preview': false,
        'feira-bootstrap:oidcProviderArn': oidcProviderArn,
      },
      true,
    )
    expect({ ...other, resources: [] }).toMatchObject({ exitCode: 0, messages: [], printed: '' })
    expect(pulumi.isUnknown(other.outputs['AWS_DEPLOY_ROLE'])).toBe(true)
    expect(other.outputs['AWS_PREVIEW_ROLE']).toBe('')
    expect(other.resources.map(({ type }) => type)).not.toContain('aws:iam/openIdConnectProvider:OpenIdConnectProvider')
    const trusted = other.resources
      .filter(({ type }) => type === 'aws:iam/role:Role')
      .map(({ inputs }) => documentOf(String(inputs['assumeRolePolicy'])).Statement[0])
    expect(trusted).toMatchObject([
      {
        Principal: { Federated: oidcProviderArn },
        Condition: {
          StringEquals: {
            'token.actions.githubusercontent.com:sub': [
              'repo:acme/feira:environment:dev',
              'repo:acme/feira:environment:prod',
            ],
          },
        },
      },
    ])
  },
  2 * programTimeout,
)

test(
  'says which options are missing, wrong or unknown, and nothing else',
  async () => {
    const wrong = await bootstrap({ 'feira-bootstrap:repository': 'acme', 'feira-bootstrap:colour': 'red' })
    expect(wrong).toMatchObject({ exitCode: 32, printed: '', outputs: {} })
    expect(wrong.messages).toHaveLength(1)
    expect(wrong.messages[0]).toMatch(/feira-bootstrap:repository: must be as GitHub tells it/)
    expect(wrong.messages[0]).toMatch(/feira-bootstrap:environments: .*environments of GitHub that deploy/)
    expect(wrong.messages[0]).toMatch(/colour/)
    expect(wrong.messages[0]).not.toMatch(/^\s+at /m)
  },
  2 * programTimeout,
)

describe('the state', () => {
  test('is kept in versions, encrypted, closed to the public, and asked for by TLS only', () => {
    const key = `arn:aws:kms:${region}:${account}:key/state`
    expect(inputsOf('aws:s3/bucketVersioning:BucketVersioning', 'state')).toMatchObject({
      versioningConfiguration: { status: 'Enabled' },
    })
    const encryption = 'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration'
    expect(inputsOf(encryption, 'state')).toMatchObject({
      rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: key } }],
    })
    expect(inputsOf('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', 'state')).toMatchObject({
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    })
    expect(documentOf(String(inputsOf('aws:s3/bucketPolicy:BucketPolicy', 'state')['policy'])).Statement).toMatchObject(
      [{ Effect: 'Deny', Principal: '*', Action: ['s3:*'], Condition: { Bool: { 'aws:SecureTransport': ['false'] } } }],
    )
  })
})

describe('who is trusted', () => {
  test.each([
    { role: 'deploy', subject: 'repo:acme/feira:environment:dev' },
    { role: 'preview', subject: 'repo:acme/feira:pull_request' },
  ])('$role: $subject, exactly', ({ role, subject }) => {
    const [statement, ...others] = documentOf(String(inputsOf('aws:iam/role:Role', role)['assumeRolePolicy'])).Statement
    expect(others).toEqual([])
    expect(statement?.Action).toEqual(['sts:AssumeRoleWithWebIdentity'])
    expect(statement?.Condition).toEqual({
      StringEquals: {
        'token.actions.githubusercontent.com:aud': ['sts.amazonaws.com'],
        'token.actions.githubusercontent.com:sub': [subject],
      },
    })
  })
})

describe('what a deployment may do', () => {
  const context = {
    'aws:RequestedRegion': region,
    'iam:PermissionsBoundary': `arn:aws:iam::${account}:policy/feira-boundary`,
    'iam:PassedToService': 'ecs-tasks.amazonaws.com',
    'kms:GrantIsForAWSResource': 'true',
  }
  const may = (role: string, question: Question) =>
    allows(documentsOf(role), { ...question, context: { ...context, ...question.context } })
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`

  test('creates everything that infra/src makes', () => {
    const types = new Set(planned.map(({ type }) => type).filter(type => type.startsWith('aws:')))
    expect([...types].filter(type => creations[type] === undefined)).toEqual([])
    const refused = planned.flatMap(resource =>
      (creations[resource.type]?.(resource, arn) ?? []).filter(question => !may('feira-deploy', question)),
    )
    expect(refused).toEqual([])
  })

  test('makes no roles but those that infra/src makes: within the boundary, and outside of its own path', () => {
    const roles = planned.filter(({ type }) => type === 'aws:iam/role:Role')
    expect(new Set(roles.map(({ inputs }) => inputs['path']))).toEqual(new Set(['/feira/']))
    expect(new Set(roles.map(({ inputs }) => inputs['permissionsBoundary']))).toEqual(
      new Set([context['iam:PermissionsBoundary']]),
    )
    const boundary = documentOf(String(inputsOf('aws:iam/policy:Policy', 'feira-boundary')['policy']))
    const allowed = boundary.Statement.flatMap(({ Action }) => Action)
    const needed = planned
      .filter(({ type }) => type === 'aws:iam/rolePolicy:RolePolicy')
      .flatMap(({ inputs }) => documentOf(String(inputs['policy'])).Statement.flatMap(({ Action }) => Action))
    expect([...new Set(needed)].filter(action => !allowed.includes(action))).toEqual([])
  })

  test('runs a setup and reads its log', () => {
    for (const question of [
      { action: 'ecs:RunTask', resource: arn('ecs', 'task-definition/feira-dev-app-orders:3') },
      { action: 'ecs:DescribeTasks', resource: arn('ecs', 'task/feira-dev/1') },
      {
        action: 'logs:GetLogEvents',
        resource: arn('logs', 'log-group:/feira/dev/app-orders:log-stream:task/app-orders/1'),
      },
      { action: 'iam:PassRole', resource: `arn:aws:iam::${account}:role/feira/app-orders-task-1` },
    ]) {
      expect(may('feira-deploy', question), question.action).toBe(true)
    }
  })

  const stateKey = { 'aws:ResourceTag/feira:part': 'bootstrap' }
  const bucket = `arn:aws:s3:::feira-pulumi-${account}-${region}`
  test.each<Question>([
    {
      action: 'iam:CreateRole',
      resource: `arn:aws:iam::${account}:role/feira/x`,
      context: { 'iam:PermissionsBoundary': '' },
    },
    { action: 'iam:CreateRole', resource: `arn:aws:iam::${account}:role/x` },
    { action: 'iam:PutRolePolicy', resource: `arn:aws:iam::${account}:role/feira-deploy` },
    { action: 'iam:UpdateAssumeRolePolicy', resource: `arn:aws:iam::${account}:role/feira-deploy` },
    { action: 'iam:AttachRolePolicy', resource: `arn:aws:iam::${account}:role/feira/x` },
    { action: 'iam:DeleteRolePermissionsBoundary', resource: `arn:aws:iam::${account}:role/feira/x` },
    { action: 'iam:CreatePolicyVersion', resource: `arn:aws:iam::${account}:policy/feira-boundary` },
    { action: 'iam:PassRole', resource: `arn:aws:iam::${account}:role/feira-deploy` },
    {
      action: 'iam:PassRole',
      resource: `arn:aws:iam::${account}:role/feira/x`,
      context: { 'iam:PassedToService': 'lambda.amazonaws.com' },
    },
    { action: 'iam:CreateUser', resource: `arn:aws:iam::${account}:user/x` },
    { action: 'sts:AssumeRole', resource: `arn:aws:iam::${account}:role/feira/x` },
    { action: 's3:DeleteBucket', resource: bucket },
    { action: 's3:PutBucketPolicy', resource: bucket },
    { action: 's3:DeleteObjectVersion', resource: `${bucket}/x` },
    { action: 'kms:ScheduleKeyDeletion', resource: arn('kms', 'key/state'), context: stateKey },
    { action: 'kms:PutKeyPolicy', resource: arn('kms', 'key/state'), context: stateKey },
    { action: 'kms:UntagResource', resource: arn('kms', 'key/state'), context: stateKey },
    { action: 'kms:DeleteAlias', resource: arn('kms', 'alias/feira-pulumi') },
    { action: 'secretsmanager:GetSecretValue', resource: arn('secretsmanager', 'secret:other') },
    { action: 'ec2:CreateVpc', resource: arn('ec2', 'vpc/1'), context: { 'aws:RequestedRegion': 'us-east-1' } },
    { action: 'rds:DeleteDBInstance', resource: arn('rds', 'db:other') },
    { action: 'ec2:RunInstances', resource: arn('ec2', 'instance/1') },
    { action: 'lambda:CreateFunction', resource: arn('lambda', 'function:x') },
  ])('not $action of $resource', question => {
    expect(may('feira-deploy', question)).toBe(false)
  })

  test('a preview changes nothing and reads no secret but those of the state', () => {
    const actions = documentsOf('feira-preview').flatMap(({ Statement }) => Statement.flatMap(({ Action }) => Action))
    const state = ['s3:GetObject', 'kms:Decrypt']
    expect(actions.filter(action => !/^[\w-]+:(?:Describe|Get|List)/.test(action) && !state.includes(action))).toEqual(
      [],
    )
    for (const question of [
      { action: 'secretsmanager:GetSecretValue', resource: arn('secretsmanager', 'secret:feira/dev/app-orders-1') },
      { action: 'logs:GetLogEvents', resource: arn('logs', 'log-group:/feira/dev/app-orders') },
      { action: 'kms:Decrypt', resource: arn('kms', 'key/other') },
      { action: 's3:GetObject', resource: 'arn:aws:s3:::gateway-access-logs-1/x' },
      { action: 's3:PutObject', resource: `${bucket}/.pulumi/stacks/feira/dev.json` },
    ]) {
      expect(may('feira-preview', question), question.action).toBe(false)
    }
    for (const question of [
      { action: 's3:GetObject', resource: `${bucket}/.pulumi/stacks/feira/dev.json` },
      { action: 's3:ListBucket', resource: bucket },
      { action: 'kms:Decrypt', resource: arn('kms', 'key/state') },
      // What the program asks while it runs.
      { action: 'ec2:DescribeAvailabilityZones', resource: '*' },
      { action: 'route53:ListHostedZones', resource: '*' },
      { action: 'ecr:GetAuthorizationToken', resource: '*' },
    ]) {
      expect(may('feira-preview', question), question.action).toBe(true)
    }
  })

  test('fits into what AWS allows: 6,144 characters for a policy, 10 policies for a role', () => {
    const sizes = ofType('aws:iam/policy:Policy').map(({ inputs }) => String(inputs['policy']).length)
    expect(Math.max(...sizes)).toBeLessThan(6_144)
    expect(documentsOf('feira-deploy').length).toBeLessThanOrEqual(10)
  })
})
