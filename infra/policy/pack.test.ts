import { credentials, type ServiceError } from '@grpc/grpc-js'
import grpc from '@pulumi/pulumi/proto/analyzer_grpc_pb.js'
import messages from '@pulumi/pulumi/proto/analyzer_pb.js'
import empty from 'google-protobuf/google/protobuf/empty_pb.js'
import struct from 'google-protobuf/google/protobuf/struct_pb.js'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rules, stackRules } from './rules.ts'

/** The pack as `pulumi preview --policy-pack policy` runs and asks it: a process that answers gRPC. */
let pack: ChildProcess
let client: InstanceType<typeof grpc.AnalyzerClient>

beforeAll(async () => {
  const runner = createRequire(import.meta.url).resolve('@pulumi/pulumi/cmd/run-policy-pack/index.js')
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  pack = spawn(process.execPath, [runner, '127.0.0.1:1', '.'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let failure = ''
  pack.stderr?.on('data', chunk => (failure += String(chunk)))
  const port = await Promise.race([
    once(pack.stdout ?? pack, 'data').then(([chunk]) => String(chunk).trim()),
    once(pack, 'exit').then(([code]) => Promise.reject(new Error(`the pack ended with ${code}: ${failure}`))),
  ])
  client = new grpc.AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure())
}, 120_000)

afterAll(async () => {
  client?.close()
  if (pack?.exitCode !== null) return
  pack.kill()
  await once(pack, 'exit')
})

type Answer<Response> = (error: ServiceError | null, response: Response) => void

function asked<Response>(call: (answer: Answer<Response>) => void): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)))
  })
}

test('it has all rules, and each is mandatory', async () => {
  const info = await asked<InstanceType<typeof messages.AnalyzerInfo>>(answer =>
    client.getAnalyzerInfo(new empty.Empty(), answer),
  )
  expect(info.getName()).toBe('feira')
  const policies = info.getPoliciesList()
  expect(policies.map(policy => policy.getName()).toSorted()).toEqual(
    [...rules, ...stackRules].map(({ name }) => name).toSorted(),
  )
  expect(new Set(policies.map(policy => policy.getEnforcementlevel()))).toEqual(
    new Set([messages.EnforcementLevel.MANDATORY]),
  )
})

async function judge(type: string, name: string, props: Record<string, struct.JavaScriptValue>): Promise<string[]> {
  const request = new messages.AnalyzeRequest()
  request.setType(type)
  request.setName(name)
  request.setUrn(`urn:pulumi:dev::feira::${type}::${name}`)
  request.setProperties(struct.Struct.fromJavaScript(props))
  request.setOptions(new messages.AnalyzerResourceOptions())
  const response = await asked<InstanceType<typeof messages.AnalyzeResponse>>(answer => client.analyze(request, answer))
  const said = response.getDiagnosticsList()
  const advice = said.filter(diagnostic => diagnostic.getEnforcementlevel() === messages.EnforcementLevel.ADVISORY)
  expect(advice.every(diagnostic => diagnostic.getMessage().endsWith('preview'))).toBe(true)
  return said.map(diagnostic => `${diagnostic.getPolicyname()}: ${diagnostic.getMessage()}`)
}

test('it refuses a resource that breaks a rule, and lets another pass', async () => {
  const type = 'aws:rds/instance:Instance'
  const right = { publiclyAccessible: false, storageEncrypted: true, kmsKeyId: 'key', backupRetentionPeriod: 7 }
  expect(await judge(type, 'orders-database', right)).toEqual([])
  const said = await judge(type, 'orders-database', { ...right, publiclyAccessible: true })
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(
    /^only-the-load-balancer-is-public: .*orders-database does not say publiclyAccessible: false/s,
  )
})

test('what Pulumi does not know before it is made is told, and stops nobody', async () => {
  // The mark of an unknown string: https://github.com/pulumi/pulumi/blob/master/sdk/nodejs/runtime/rpc.ts
  const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9'
  const said = await judge('aws:ecs/taskDefinition:TaskDefinition', 'task', {
    cpu: '256',
    memory: '512',
    containerDefinitions: unknown,
  })
  expect(said.length).toBeGreaterThan(0)
  expect(said.filter(message => !message.endsWith("can't be known during preview"))).toEqual([])
})

test('it refuses a stack that lacks something', async () => {
  const service = new messages.AnalyzerResource()
  service.setType('aws:ecs/service:Service')
  service.setName('app-orders')
  service.setUrn('urn:pulumi:dev::feira::aws:ecs/service:Service::app-orders')
  service.setProperties(struct.Struct.fromJavaScript({ name: 'app-orders' }))
  service.setOptions(new messages.AnalyzerResourceOptions())
  const request = new messages.AnalyzeStackRequest()
  request.setResourcesList([service])
  const response = await asked<InstanceType<typeof messages.AnalyzeResponse>>(answer =>
    client.analyzeStack(request, answer),
  )
  const said = response
    .getDiagnosticsList()
    .map(diagnostic => `${diagnostic.getPolicyname()}: ${diagnostic.getMessage()}`)
  expect(said.join('\n')).toMatch(/services-are-watched: .*app-orders does not scale/s)
  expect(said.join('\n')).toMatch(/every-app-runs: .*app-users has no service/s)
})
