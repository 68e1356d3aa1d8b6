import * as command from '@pulumi/command'
import * as pulumi from '@pulumi/pulumi'
import type { FargateTask } from '../fargate-task.ts'
import type { Platform } from '../platform.ts'

/** Runs a service's `setup` (migrations, queues) as a task of its own, whenever what the service would run changes. */
export function setupRun(
  name: string,
  task: FargateTask,
  { cluster, network, place }: Platform,
  options: pulumi.CustomResourceOptions,
): command.local.Command {
  return new command.local.Command(
    `${name}-setup`,
    {
      create: 'node src/setup/main.ts',
      environment: {
        CLUSTER: cluster.arn,
        TASK_DEFINITION: task.definition.arn,
        CONTAINER: name,
        SUBNETS: pulumi.all([...network.privateSubnetIds]).apply(ids => ids.join(',')),
        SECURITY_GROUPS: task.group.id,
        LOG_GROUP: task.logs.name,
        AWS_REGION: place.region,
      },
      triggers: [task.definition.arn],
    },
    options,
  )
}
