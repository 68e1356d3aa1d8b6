import { runService } from '@feira/chassis'
import { service } from './service.ts'

await runService(service)
