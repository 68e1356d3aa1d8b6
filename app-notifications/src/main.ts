import { environment, runService } from '@feira/chassis/run'

const [command, ...others] = process.argv.slice(2)
const sends = !/^(false|0)$/.test(environment()['NOTIFICATION_WORKERS'] ?? '')

await runService(
  async () => {
    const { office, service, worker } = await import('./service.ts')
    if (command === 'worker') return worker
    // A command such as `setup` is about all queues, whoever takes from them.
    return command === undefined && !sends ? office : service
  },
  command === 'worker' ? others : undefined,
)
