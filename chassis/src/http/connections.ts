import type { Socket } from 'node:net'
import type { App } from '../service.ts'

/**
 * Ends, when the service closes, connections that never sent anything: browsers and load balancers open them ahead, and
 * Node counts them as busy, so that closing would wait for their timeout.
 */
export function closeSilentConnections(app: App): void {
  const connections = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  app.addHook('preClose', done => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
    done()
  })
}
