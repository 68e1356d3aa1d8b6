/** Run by Pulumi before services are replaced: one task that migrates a database and declares queues. */
import { environment, names, readConfig } from '@feira/chassis'
import { z } from 'zod'
import { clientsIn, runTask } from './run-task.ts'

try {
  const settings = readConfig(
    'the setup',
    {
      AWS_REGION: z.string(),
      CLUSTER: z.string(),
      TASK_DEFINITION: z.string(),
      CONTAINER: z.string(),
      SUBNETS: names(),
      SECURITY_GROUPS: names(),
      LOG_GROUP: z.string(),
    },
    environment(),
  )
  await runTask(
    {
      cluster: settings.CLUSTER,
      taskDefinition: settings.TASK_DEFINITION,
      container: settings.CONTAINER,
      command: ['setup'],
      subnets: settings.SUBNETS,
      securityGroups: settings.SECURITY_GROUPS,
      logGroup: settings.LOG_GROUP,
      // Longer than a migration should ever take: it holds up the deployment, not the services that run.
      timeout: 30 * 60_000,
      interval: 3_000,
    },
    clientsIn(settings.AWS_REGION),
    line => console.log(`setup of ${settings.CONTAINER}: ${line}`),
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
