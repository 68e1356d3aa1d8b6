import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** The error of a port that another program listens on, like the one of node:net. */
export function portTaken(host: string, port: number): NodeJS.ErrnoException & { port: number } {
  const message = `Port ${port} on ${host} is already in use by another program.`
  return Object.assign(new Error(message), { code: 'EADDRINUSE', port })
}

/**
 * Returns `port`, or any free one for 0.
 * @throws {@link portTaken}
 */
export async function findPort(host: string, port: number): Promise<number> {
  const server = createServer().listen({ host, port, exclusive: true })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? portTaken(host, port) : error
  }
  const found = (server.address() as AddressInfo).port
  server.close()
  await once(server, 'close')
  return found
}
