import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { DescribeTasksCommand, ECSClient, ECSServiceException, RunTaskCommand, type Task } from '@aws-sdk/client-ecs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface OneOffTask {
  readonly cluster: string
  readonly taskDefinition: string
  readonly container: string
  readonly command: readonly string[]
  readonly subnets: readonly string[]
  readonly securityGroups: readonly string[]
  readonly logGroup: string
  /** How long it may take, in milliseconds. */
  readonly timeout: number
  /** How often it is looked at, in milliseconds. */
  readonly interval: number
}

export interface Clients {
  readonly ecs: ECSClient
  readonly logs: CloudWatchLogsClient
}

/** Clients that try again, and do not wait for ever. */
export function clientsIn(region: string): Clients {
  const settings = {
    region,
    maxAttempts: 5,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  }
  return { ecs: new ECSClient(settings), logs: new CloudWatchLogsClient(settings) }
}

/**
 * Runs a task once and waits for its end.
 * @throws when it cannot be started, does not end in time or does not end with 0; with what it last wrote.
 */
export async function runTask(task: OneOffTask, { ecs, logs }: Clients, say: (line: string) => void): Promise<void> {
  let said = ''
  const sayOnce = (line: string) => {
    if (line !== said) say(line)
    said = line
  }
  const arn = await start(task, ecs)
  say(`started ${arn}`)
  const deadline = Date.now() + task.timeout
  let status = 'PENDING'
  while (Date.now() < deadline) {
    const seen = await look(task, arn, ecs, sayOnce)
    if (seen?.lastStatus !== undefined) {
      status = seen.lastStatus
      sayOnce(status.toLowerCase())
    }
    if (seen !== undefined && status === 'STOPPED') {
      const problem = failureOf(seen, task.container)
      if (problem === undefined) return
      throw new Error(`${problem}\n${await lastLines(task, arn, logs)}`)
    }
    await sleep(task.interval)
  }
  throw new Error(
    `${arn} has not ended after ${task.timeout / 1_000} s and may go on; it was last seen ${status.toLowerCase()}\n${await lastLines(task, arn, logs)}`,
  )
}

async function start(task: OneOffTask, ecs: ECSClient): Promise<string> {
  const { tasks, failures } = await ecs.send(
    new RunTaskCommand({
      cluster: task.cluster,
      taskDefinition: task.taskDefinition,
      launchType: 'FARGATE',
      platformVersion: '1.4.0',
      startedBy: 'pulumi',
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [...task.subnets],
          securityGroups: [...task.securityGroups],
          assignPublicIp: 'DISABLED',
        },
      },
      overrides: { containerOverrides: [{ name: task.container, command: [...task.command] }] },
    }),
  )
  const arn = tasks?.[0]?.taskArn
  if (arn !== undefined) return arn
  const reasons = (failures ?? []).map(({ reason, detail }) => [reason, detail].filter(Boolean).join(': '))
  throw new Error(`ECS did not start ${task.taskDefinition}: ${reasons.join('; ') || 'no reason given'}`)
}

/**
 * The task as ECS tells of it; nothing while it cannot be asked, because the task goes on meanwhile.
 * @throws when ECS refuses to tell.
 */
async function look(
  { cluster }: OneOffTask,
  arn: string,
  ecs: ECSClient,
  say: (line: string) => void,
): Promise<Task | undefined> {
  try {
    const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [arn] }))
    return tasks?.[0]
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const refused =
      error instanceof ECSServiceException && error.$fault === 'client' && error.name !== 'ThrottlingException'
    if (refused) throw new Error(`${arn} was started and cannot be watched: ${reason}`, { cause: error })
    say(`cannot be seen at the moment: ${reason}`)
    return undefined
  }
}

function failureOf({ containers, stoppedReason, taskArn }: Task, name: string): string | undefined {
  const container = containers?.find(candidate => candidate.name === name)
  if (container?.exitCode === 0) return undefined
  const reasons = [container?.reason, stoppedReason].filter(Boolean).join('; ')
  const exit = container?.exitCode === undefined ? 'did not run' : `ended with ${container.exitCode}`
  return `${taskArn ?? 'The task'} ${exit}${reasons === '' ? '' : `: ${reasons}`}`
}

/** What the task wrote last; what keeps it from being read is told instead, because the task's failure matters more. */
async function lastLines(task: OneOffTask, arn: string, logs: CloudWatchLogsClient): Promise<string> {
  const stream = `task/${task.container}/${arn.split('/').at(-1)}`
  const where = `${task.logGroup}, stream ${stream}`
  try {
    const { events } = await logs.send(
      new GetLogEventsCommand({ logGroupName: task.logGroup, logStreamName: stream, limit: 30 }),
    )
    return [`Its last lines (${where}):`, ...(events ?? []).map(({ message }) => `  ${message}`)].join('\n')
  } catch (error) {
    return `Its log (${where}) could not be read: ${String(error)}`
  }
}
