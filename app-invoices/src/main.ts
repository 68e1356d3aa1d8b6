import { runService } from '@feira/chassis/run'

await runService(async () => (await import('./service.ts')).service)
