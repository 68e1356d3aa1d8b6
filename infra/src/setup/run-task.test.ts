import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import { ECSClient } from '@aws-sdk/client-ecs'
import { environment } from '@feira/chassis'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { refusal, startFakeAws, type Answer, type Call, type FakeAws } from './fake-aws.testing.ts'
import { runTask, type OneOffTask } from './run-task.ts'

const arn = 'arn:aws:ecs:eu-west-1:123456789012:task/feira-dev/0a1b2c'
const task: OneOffTask = {
  cluster: 'arn:aws:ecs:eu-west-1:123456789012:cluster/feira-dev',
  taskDefinition: 'arn:aws:ecs:eu-west-1:123456789012:task-definition/feira-dev-app-orders:3',
  container: 'app-orders',
  command: ['setup'],
  subnets: ['subnet-1', 'subnet-2'],
  securityGroups: ['sg-1'],
  logGroup: '/feira/dev/app-orders',
  timeout: 20_000,
  interval: 5,
}

const started: Answer = { body: { tasks: [{ taskArn: arn, lastStatus: 'PROVISIONING' }], failures: [] } }
const seen = (lastStatus: string, more: object = {}): Answer => ({
  body: { tasks: [{ taskArn: arn, lastStatus, ...more }] },
})
const stopped = (exitCode: number | undefined, more: object = {}): Answer =>
  seen('STOPPED', {
    stoppedReason: 'Essential container in task exited',
    containers: [{ name: 'app-orders', ...(exitCode === undefined ? {} : { exitCode }), ...more }],
  })
const log: Answer = { body: { events: [{ message: 'migrating' }, { message: 'relation "orders" exists' }] } }

/** What each operation is answered, in this order; the last again and again. */
type Script = Readonly<Record<string, readonly Answer[]>>

const play = (script: Script) =>
  startFakeAws(({ operation }: Call, earlier) => {
    const answers = script[operation] ?? []
    return answers[Math.min(earlier, answers.length - 1)] ?? refusal('UnknownOperationException', operation)
  })

interface Outcome {
  readonly said: readonly string[]
  readonly problem: string | undefined
  readonly calls: readonly Call[]
}

async function run(script: Script, options: Partial<OneOffTask> = {}): Promise<Outcome> {
  await using server = await play(script)
  const said: string[] = []
  const settings = {
    region: 'eu-west-1',
    endpoint: server.url,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    requestHandler: { requestTimeout: 200, throwOnRequestTimeout: true },
  }
  const clients = { ecs: new ECSClient(settings), logs: new CloudWatchLogsClient(settings) }
  const ended = runTask({ ...task, ...options }, clients, line => said.push(line))
  const problem = await ended.then(
    () => undefined,
    (error: Error) => error.message,
  )
  return { said, problem, calls: [...server.calls] }
}

describe('a task that ends well', () => {
  test('is started as it was said, and followed to its end', async () => {
    const { said, problem, calls } = await run({
      RunTask: [started],
      // For a moment after its start ECS may not know of it.
      DescribeTasks: [
        { body: { tasks: [], failures: [{ arn, reason: 'MISSING' }] } },
        seen('PENDING'),
        seen('PENDING'),
        seen('RUNNING'),
        stopped(0),
      ],
    })
    expect(problem).toBeUndefined()
    expect(said).toEqual([`started ${arn}`, 'pending', 'running', 'stopped'])
    expect(calls.map(({ operation }) => operation)).toEqual(['RunTask', ...Array(5).fill('DescribeTasks')])
    expect(calls[0]?.body).toMatchObject({
      cluster: task.cluster,
      taskDefinition: task.taskDefinition,
      launchType: 'FARGATE',
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-1', 'subnet-2'],
          securityGroups: ['sg-1'],
          assignPublicIp: 'DISABLED',
        },
      },
      overrides: { containerOverrides: [{ name: 'app-orders', command: ['setup'] }] },
    })
    expect(calls[1]?.body).toEqual({ cluster: task.cluster, tasks: [arn] })
  })

  test('is started once, although the answer to its start was lost', async () => {
    const { problem, calls } = await run({ RunTask: ['cut off', started], DescribeTasks: [stopped(0)] })
    expect(problem).toBeUndefined()
    const tokens = calls.filter(({ operation }) => operation === 'RunTask').map(({ body }) => body['clientToken'])
    expect(tokens).toHaveLength(2)
    expect(tokens[0]).toMatch(/./)
    expect(tokens[1]).toBe(tokens[0])
  })

  test.each<{ what: string; answer: Answer }>([
    { what: 'connections break', answer: 'cut off' },
    { what: 'answers do not come', answer: 'kept waiting' },
    { what: 'ECS is out of order', answer: refusal('ServerException', 'a fault', 500) },
    { what: 'ECS is asked too often', answer: refusal('ThrottlingException', 'Rate exceeded') },
  ])('is followed although $what, longer than the client tries again', async ({ answer }) => {
    const { said, problem } = await run({
      RunTask: [started],
      DescribeTasks: [seen('RUNNING'), answer, answer, answer, answer, answer, stopped(0)],
    })
    expect(problem).toBeUndefined()
    expect(said).toEqual([
      `started ${arn}`,
      'running',
      expect.stringMatching(/^cannot be seen at the moment: ./),
      'stopped',
    ])
  })
})

describe('a task that fails', () => {
  test('is told of with its code and its last lines', async () => {
    const { problem, calls } = await run({
      RunTask: [started],
      DescribeTasks: [seen('RUNNING'), stopped(1)],
      GetLogEvents: [log],
    })
    expect(problem?.split('\n')).toEqual([
      `${arn} ended with 1: Essential container in task exited`,
      'Its last lines (/feira/dev/app-orders, stream task/app-orders/0a1b2c):',
      '  migrating',
      '  relation "orders" exists',
    ])
    expect(calls.at(-1)?.body).toMatchObject({
      logGroupName: '/feira/dev/app-orders',
      logStreamName: 'task/app-orders/0a1b2c',
    })
  })

  test('is told of although its log cannot be read', async () => {
    const { problem } = await run({
      RunTask: [started],
      DescribeTasks: [stopped(137, { reason: 'OutOfMemoryError' })],
      GetLogEvents: [refusal('ResourceNotFoundException', 'The specified log stream does not exist.')],
    })
    expect(problem).toContain(`${arn} ended with 137: OutOfMemoryError; Essential container in task exited`)
    expect(problem).toContain('could not be read: ResourceNotFoundException: The specified log stream does not exist.')
  })

  test('may not have run at all', async () => {
    const { problem } = await run({
      RunTask: [started],
      DescribeTasks: [stopped(undefined, { reason: 'CannotPullContainerError: not found' })],
      GetLogEvents: [{ body: { events: [] } }],
    })
    expect(problem).toContain(`${arn} did not run: CannotPullContainerError: not found`)
  })

  test('may not have been started', async () => {
    const { said, problem } = await run({
      RunTask: [{ body: { tasks: [], failures: [{ reason: 'Capacity is unavailable at this time' }] } }],
    })
    expect(said).toEqual([])
    expect(problem).toBe(`ECS did not start ${task.taskDefinition}: Capacity is unavailable at this time`)
  })

  test('is not waited for when ECS refuses to tell of it', async () => {
    const { problem } = await run({
      RunTask: [started],
      DescribeTasks: [refusal('AccessDeniedException', 'not authorized to perform ecs:DescribeTasks')],
    })
    expect(problem).toBe(`${arn} was started and cannot be watched: not authorized to perform ecs:DescribeTasks`)
  })

  test('is waited for no longer than was said', async () => {
    const { problem } = await run(
      { RunTask: [started], DescribeTasks: [seen('RUNNING')], GetLogEvents: [log] },
      { timeout: 300 },
    )
    expect(problem).toContain(`${arn} has not ended after 0.3 s and may go on; it was last seen running`)
    expect(problem).toContain('relation "orders" exists')
  })
})

describe('main.ts', () => {
  const settings = {
    AWS_REGION: 'eu-west-1',
    CLUSTER: task.cluster,
    TASK_DEFINITION: task.taskDefinition,
    CONTAINER: 'app-orders',
    SUBNETS: 'subnet-1,subnet-2',
    SECURITY_GROUPS: 'sg-1',
    LOG_GROUP: task.logGroup,
  }

  /** As Pulumi runs it, in infra/. */
  async function main(server: FakeAws, variables: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, ['src/setup/main.ts'], {
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
      env: {
        PATH: environment()['PATH'] ?? '',
        AWS_ACCESS_KEY_ID: 'key',
        AWS_SECRET_ACCESS_KEY: 'secret',
        AWS_ENDPOINT_URL_ECS: server.url,
        AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: server.url,
        ...variables,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    })
    const [stdout, stderr, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ])
    return { exitCode, stdout: stdout.trim().split('\n'), stderr: stderr.trim().split('\n') }
  }

  test('ends with 0 when the task did', async () => {
    await using server = await play({ RunTask: [started], DescribeTasks: [stopped(0)] })
    expect(await main(server, settings)).toEqual({
      exitCode: 0,
      stdout: [`setup of app-orders: started ${arn}`, 'setup of app-orders: stopped'],
      stderr: [''],
    })
    expect(server.calls[0]?.body).toMatchObject({
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'] } },
    })
  }, 120_000)

  test('ends with 1 when the task did not, and says what it wrote last', async () => {
    await using server = await play({ RunTask: [started], DescribeTasks: [stopped(1)], GetLogEvents: [log] })
    const { exitCode, stderr } = await main(server, settings)
    expect(exitCode).toBe(1)
    expect(stderr).toEqual([
      `${arn} ended with 1: Essential container in task exited`,
      expect.stringContaining('Its last lines'),
      '  migrating',
      '  relation "orders" exists',
    ])
  }, 120_000)

  test('names every variable that is missing', async () => {
    await using server = await play({})
    const { exitCode, stderr } = await main(server, { AWS_REGION: 'eu-west-1', CONTAINER: 'app-orders' })
    expect(exitCode).toBe(1)
    expect(stderr).toEqual([
      'the setup cannot start: 5 of its settings missing or wrong.',
      ...['CLUSTER', 'TASK_DEFINITION', 'SUBNETS', 'SECURITY_GROUPS', 'LOG_GROUP'].map(name =>
        expect.stringMatching(new RegExp(`^ {2}${name} +is missing$`)),
      ),
    ])
    expect(server.calls).toEqual([])
  }, 120_000)
})
