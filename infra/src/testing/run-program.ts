import { environment } from '@feira/chassis'
import grpc from '@grpc/grpc-js'
import * as pulumi from '@pulumi/pulumi'
import { EngineService } from '@pulumi/pulumi/proto/engine_grpc_pb.js'
import engine from '@pulumi/pulumi/proto/engine_pb.js'
import { ResourceMonitorService } from '@pulumi/pulumi/proto/resource_grpc_pb.js'
import monitor from '@pulumi/pulumi/proto/resource_pb.js'
import empty from 'google-protobuf/google/protobuf/empty_pb.js'
import struct from 'google-protobuf/google/protobuf/struct_pb.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { z } from 'zod'

export interface ProgramOptions {
  /** Where its Pulumi.yaml is. */
  readonly folder: string
  readonly stack: string
  /** By `<namespace>:<name>`, as a Pulumi.<stack>.yaml has them. */
  readonly config: Readonly<Record<string, unknown>>
  readonly secrets?: Readonly<Record<string, string>>
  /** Whether nothing is made: what only AWS can tell is unknown then. */
  readonly preview: boolean
  /** What a resource has become, beyond what it was given. */
  readonly made: (type: string, name: string, inputs: Record<string, unknown>) => Record<string, unknown>
  /** What AWS answers to a question. */
  readonly answered: (token: string, inputs: Record<string, unknown>) => Record<string, unknown>
}

export interface RegisteredResource {
  readonly type: string
  readonly name: string
  readonly inputs: Readonly<Record<string, unknown>>
}

export interface ProgramRun {
  readonly exitCode: number | null
  /** Where it ran, and so what its relative paths and those of its commands start from. */
  readonly workingFolder: string
  readonly resources: readonly RegisteredResource[]
  /** What the stack says of itself. */
  readonly outputs: Readonly<Record<string, unknown>>
  /** What the CLI would show of it. */
  readonly messages: readonly string[]
  /** What it printed itself. */
  readonly printed: string
}

/** A program that hangs is ended after so many milliseconds; a test that runs one must not give up before. */
export const programTimeout = 4 * 60_000

/**
 * Runs a Pulumi program as Pulumi's CLI does: by the language runtime, in a process of its own, which registers what it
 * wants with an engine. The engine is this process, and makes nothing.
 */
export async function runProgram(options: ProgramOptions): Promise<ProgramRun> {
  const project = readProject(options.folder)
  const resources: RegisteredResource[] = []
  const messages: string[] = []
  const outputs: Record<string, unknown> = {}
  const server = new grpc.Server()
  server.addService(ResourceMonitorService, resourceMonitor(options, project.name, resources, outputs))
  server.addService(EngineService, engineOf(messages))
  const port = await listen(server)
  try {
    // Pulumi notes where each of its promises was made, which takes most of the time of such a run.
    const child = spawn(
      process.execPath,
      ['--stack-trace-limit=0', ...argumentsOf(options, project, `127.0.0.1:${port}`)],
      {
        cwd: options.folder,
        env: environmentOf(options, project),
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: programTimeout,
      },
    )
    const [stdout, stderr, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ])
    return { exitCode, workingFolder: project.workingFolder, resources, outputs, messages, printed: stdout + stderr }
  } finally {
    server.forceShutdown()
  }
}

interface Project {
  readonly name: string
  readonly typescript: boolean
  readonly workingFolder: string
  readonly entryPoint: string
}

/** With `main`, a program runs where that is, and not where its Pulumi.yaml is. */
function readProject(folder: string): Project {
  const schema = z.object({
    name: z.string(),
    main: z.string().optional(),
    runtime: z.object({ name: z.literal('nodejs'), options: z.object({ typescript: z.boolean().default(true) }) }),
  })
  const { name, main, runtime } = schema.parse(parse(readFileSync(join(folder, 'Pulumi.yaml'), 'utf8')))
  const { typescript } = runtime.options
  if (main === undefined) return { name, typescript, workingFolder: folder, entryPoint: '.' }
  const path = join(folder, main)
  return statSync(path).isDirectory()
    ? { name, typescript, workingFolder: path, entryPoint: '.' }
    : { name, typescript, workingFolder: dirname(path), entryPoint: basename(path) }
}

/** https://github.com/pulumi/pulumi/blob/master/sdk/nodejs/cmd/pulumi-language-nodejs/main.go: constructArguments */
function argumentsOf({ folder, stack, preview }: ProgramOptions, project: Project, address: string): string[] {
  const named = {
    monitor: address,
    engine: address,
    organization: 'organization',
    project: project.name,
    'root-directory': folder,
    stack,
    pwd: project.workingFolder,
    parallel: '16',
  }
  return [
    `--import=${new URL('offline.ts', import.meta.url).href}`,
    createRequire(import.meta.url).resolve('@pulumi/pulumi/cmd/run'),
    ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]),
    ...(preview ? ['--dry-run'] : []),
    project.entryPoint,
  ]
}

function environmentOf({ config, secrets = {} }: ProgramOptions, { typescript }: Project): Record<string, string> {
  const entries = Object.entries({ ...config, ...secrets }).map(([key, value]) => [
    key.replace(':', ':config:'),
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return {
    PATH: environment()['PATH'] ?? '',
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(entries)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(Object.keys(secrets)),
    ...(typescript ? { PULUMI_NODEJS_TYPESCRIPT: 'true' } : {}),
  }
}

function listen(server: grpc.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(error)
    })
  })
}

type Unary<Request, Response> = grpc.handleUnaryCall<Request, Response>

const features = [
  monitor.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_SECRETS,
  monitor.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
  monitor.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
  monitor.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
  monitor.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
]

function resourceMonitor(
  { stack, preview, made, answered }: ProgramOptions,
  project: string,
  resources: RegisteredResource[],
  outputs: Record<string, unknown>,
): grpc.UntypedServiceImplementation {
  const getDeploymentInfo: Unary<unknown, monitor.DeploymentInfo> = (_, answer) => {
    answer(null, new monitor.DeploymentInfo().setProject(project).setStack(stack).setSupportedfeaturesList(features))
  }

  const registerResource: Unary<monitor.RegisterResourceRequest, monitor.RegisterResourceResponse> = (call, answer) => {
    const [type, name] = [call.request.getType(), call.request.getName()]
    const inputs = call.request.getObject()?.toJavaScript() ?? {}
    resources.push({ type, name, inputs: plain(call.request.getObject()) })
    const known = preview || !call.request.getCustom() ? inputs : { ...inputs, ...made(type, name, inputs) }
    const response = new monitor.RegisterResourceResponse()
      .setUrn(`urn:pulumi:${stack}::${project}::${type}::${name}`)
      .setId(preview || !call.request.getCustom() ? '' : `${name}-id`)
    response.setObject(struct.Struct.fromJavaScript(known as Record<string, struct.JavaScriptValue>))
    answer(null, response)
  }

  const invoke: Unary<monitor.ResourceInvokeRequest, monitor.ResourceInvokeResponse> = (call, answer) => {
    const response = new monitor.ResourceInvokeResponse()
    const result = answered(call.request.getTok(), plain(call.request.getArgs()))
    response.setReturn(struct.Struct.fromJavaScript(result as Record<string, struct.JavaScriptValue>))
    answer(null, response)
  }

  const registerResourceOutputs: Unary<monitor.RegisterResourceOutputsRequest, empty.Empty> = (call, answer) => {
    if (call.request.getUrn().includes('::pulumi:pulumi:Stack::')) {
      Object.assign(outputs, plain(call.request.getOutputs()))
    }
    answer(null, new empty.Empty())
  }

  const signalAndWaitForShutdown: Unary<unknown, empty.Empty> = (_, answer) => answer(null, new empty.Empty())
  return { getDeploymentInfo, registerResource, invoke, registerResourceOutputs, signalAndWaitForShutdown }
}

function engineOf(messages: string[]): grpc.UntypedServiceImplementation {
  let root = ''
  const log: Unary<engine.LogRequest, empty.Empty> = ({ request }, answer) => {
    // Those for who looks for faults of Pulumi are not shown.
    if (request.getSeverity() !== engine.LogSeverity.DEBUG) messages.push(request.getMessage())
    answer(null, new empty.Empty())
  }
  const getRootResource: Unary<unknown, engine.GetRootResourceResponse> = (_, answer) => {
    answer(null, new engine.GetRootResourceResponse().setUrn(root))
  }
  const setRootResource: Unary<engine.SetRootResourceRequest, engine.SetRootResourceResponse> = (call, answer) => {
    root = call.request.getUrn()
    answer(null, new engine.SetRootResourceResponse())
  }
  return { log, getRootResource, setRootResource }
}

function plain(properties: struct.Struct | undefined): Record<string, unknown> {
  return pulumi.runtime.deserializeProperties(properties ?? new struct.Struct(), true)
}
