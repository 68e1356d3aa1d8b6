import { startPostgres } from '../index.ts'

// A process that owns a server, for tests that kill it. It ignores Ctrl-C, as one that is still stopping its services.
process.on('SIGINT', () => undefined)
const { url } = await startPostgres({ dataDirectory: process.argv[2] as string, port: 0 })
process.send?.({ url })
