import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Claims a directory for this process until the returned function is called or the process ends. It is a listening socket
 * rather than a file with a process id: the operating system closes it with us, and no later process inherits the number.
 * @throws when another live process holds it.
 */
export async function lockDirectory(directory: string): Promise<() => void> {
  const address = addressOf(directory)
  const holder = await askHolder(address)
  if (holder) throw new Error(`PostgreSQL in ${directory} already runs for process ${holder}. Stop that one first.`)
  if (address.startsWith(tmpdir())) rmSync(address, { force: true })
  const server = createServer(socket => socket.on('error', () => undefined).end(String(process.pid)))
  server.listen(address).unref()
  await once(server, 'listening')
  return () => void server.close()
}

// A socket's address is limited to about 100 bytes, so the directory's own path cannot be part of it. Linux and Windows
// have addresses that leave no file behind.
function addressOf(directory: string): string {
  const name = `feira-postgres-${createHash('sha256').update(directory).digest('hex').slice(0, 24)}`
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(tmpdir(), `${name}.sock`)
}

async function askHolder(address: string): Promise<string | undefined> {
  const socket = connect(address).setEncoding('utf8')
  // One that is suspended holds the directory all the same.
  socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')))
  try {
    return (await socket.toArray()).join('') || '(unknown)'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // It died as we asked.
    if (code === 'ECONNRESET' || code === 'EPIPE') return askHolder(address)
    return code === 'ECONNREFUSED' || code === 'ENOENT' ? undefined : '(unknown: it does not answer)'
  }
}
