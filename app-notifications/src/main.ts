import { environment, runService } from '@feira/chassis'
import { office, service, worker } from './service.ts'

const [command, ...others] = process.argv.slice(2)
const sends = !/^(false|0)$/.test(environment()['NOTIFICATION_WORKERS'] ?? '')

if (command === 'worker') await runService(worker, others)
// A command such as `setup` is about all queues, whoever takes from them.
else await runService(command === undefined && !sends ? office : service)
