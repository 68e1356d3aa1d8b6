import { startBroker } from './broker.ts'

// Run as a process of its own by the tests that kill it. It ends with its parent, whose pipe is its standard input.
const [, , dataDirectory] = process.argv
process.stdin.resume().on('end', () => process.exit())
const { url } = await startBroker({ port: 0, dataDirectory })
process.stdout.write(`${url}\n`)
