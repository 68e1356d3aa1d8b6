import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { CannotBreak } from './fault.ts'

/** The process that listens on a port of this machine. @throws CannotBreak */
export function listenerOn(port: number): number {
  if (process.platform !== 'linux') throw new CannotBreak('Processes can be found by their port on Linux only.')
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(table => listening(readFileSync(table, 'utf8'), port))
  const pid = readdirSync('/proc').find(
    name => /^\d+$/.test(name) && socketsOf(name).some(each => sockets.includes(each)),
  )
  if (pid === undefined)
    throw new CannotBreak(`Nothing of yours listens on port ${port}. Is the system running? \`npm start\``)
  return Number(pid)
}

/** https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt; 0A is LISTEN. */
function listening(table: string, port: number): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(end) && state === '0A')
    .map(fields => `socket:[${fields[9]}]`)
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(fd => linkOf(`/proc/${pid}/fd/${fd}`))
  } catch {
    // It has ended, or is somebody else's.
    return []
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}
