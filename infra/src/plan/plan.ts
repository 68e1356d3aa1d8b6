import * as pulumi from '@pulumi/pulumi'
import { existsSync, readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { parse } from 'yaml'
import { z } from 'zod'
import { apps } from '../apps.ts'
import { readStackConfig } from '../config.ts'
import { Feira } from '../feira.ts'
import { answerCall, stateOf } from './mocks.ts'

export interface PlannedResource {
  readonly urn: string
  readonly type: string
  readonly name: string
  /** The URN of the component that it is a part of. */
  readonly parent: string | undefined
  /** What it was given, secrets as {@link Secret}. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** URNs of what must be there before it. */
  readonly dependencies: readonly string[]
}

/** A value that Pulumi encrypts in its state and shows to nobody. */
export class Secret {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

export interface PlanOptions {
  /** Options instead of those in the stack's file, or beside them; undefined takes one away. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly secrets?: Readonly<Record<string, string>>
}

/**
 * A stack's options as its Pulumi.<stack>.yaml has them.
 * @throws when there is no such file.
 */
export function optionsOf(stack: string): Record<string, unknown> {
  const file = new URL(`../../Pulumi.${stack}.yaml`, import.meta.url)
  if (!existsSync(file)) throw new Error(`There is no stack ${stack}: infra has no Pulumi.${stack}.yaml`)
  return z.object({ config: z.record(z.string(), z.unknown()) }).parse(parse(readFileSync(file, 'utf8'))).config
}

/**
 * Runs the program against mocks: what it would make, without AWS. One at a time in a process.
 * @throws what the program throws, such as a StackConfigError.
 */
export async function plan(stack: string, options: PlanOptions = {}): Promise<PlannedResource[]> {
  const secrets = { 'feira:smtpUrl': 'smtps://feira:geheim@mail.feira.example:465', ...options.secrets }
  const values = { ...optionsOf(stack), ...options.options, ...secrets }
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  pulumi.runtime.setAllConfig(
    Object.fromEntries(given.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)])),
    Object.keys(secrets),
  )

  const resources: PlannedResource[] = []
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => ({ id: `${name}-id`, state: stateOf(type, name, readInputs(inputs)) }),
      call: ({ token, inputs }) => answerCall(token, readInputs(inputs)),
    },
    'feira',
    stack,
    false,
  )
  record(resources)
  // Pulumi notes where each of its promises was made, which takes most of the time of such a run.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    await pulumi.runtime.runInPulumiStack(async () => {
      const feira = new Feira('feira', {
        stack,
        config: readStackConfig(apps),
        apps,
        // As large as those of RDS, and as well formed.
        rdsCertificates: () => Promise.resolve(rootCertificates.slice(0, 4).join('\n')),
      })
      return { url: feira.url }
    })
    await pulumi.runtime.disconnect()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return resources.filter(({ type }) => type !== 'pulumi:pulumi:Stack')
}

/** Mocks are not told of parents and dependencies; what passes the monitor tells of both. */
function record(resources: PlannedResource[]): void {
  const monitor = pulumi.runtime.getMonitor()
  if (monitor === undefined) throw new Error('Pulumi has no monitor')
  const original = monitor.registerResource.bind(monitor) as unknown as Register
  const recording: Register = (request, callback) =>
    original(request, (error, response) => {
      if (response !== undefined) {
        resources.push({
          urn: response.getUrn(),
          type: request.getType(),
          name: request.getName(),
          parent: request.getParent() || undefined,
          inputs: readInputs(pulumi.runtime.deserializeProperties(request.getObject())),
          dependencies: request.getDependenciesList(),
        })
      }
      callback(error, response)
    })
  Object.assign(monitor, { registerResource: recording })
}

interface Request {
  getType(): string
  getName(): string
  getParent(): string
  getObject(): Parameters<typeof pulumi.runtime.deserializeProperties>[0]
  getDependenciesList(): string[]
}
type Callback = (error: unknown, response: { getUrn(): string } | undefined) => void
type Register = (request: Request, callback: Callback) => unknown

const secretMark = pulumi.runtime.specialSigKey

function readInputs(inputs: unknown): Record<string, unknown> {
  return readValue(inputs) as Record<string, unknown>
}

function readValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readValue)
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Record<string, unknown>
  if (fields[secretMark] === pulumi.runtime.specialSecretSig) return new Secret(readValue(fields['value']))
  return Object.fromEntries(Object.entries(fields).map(([key, entry]) => [key, readValue(entry)]))
}
