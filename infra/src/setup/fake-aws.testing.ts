import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface Call {
  readonly operation: string
  readonly body: Readonly<Record<string, unknown>>
}

/** An answer with its status; or what else may happen to a request. */
export type Answer = { readonly status?: number; readonly body: unknown } | 'cut off' | 'kept waiting'

export interface FakeAws extends AsyncDisposable {
  readonly url: string
  readonly calls: readonly Call[]
}

/** A server that plays ECS and CloudWatch Logs. */
export async function startFakeAws(answerTo: (call: Call, earlier: number) => Answer): Promise<FakeAws> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const call = { operation: operationOf(request.headers), body: (await json(request)) as Call['body'] }
      const earlier = calls.filter(({ operation }) => operation === call.operation).length
      calls.push(call)
      const answer = answerTo(call, earlier)
      if (answer === 'kept waiting') return
      if (answer === 'cut off') request.socket.destroy()
      else {
        response.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.1' })
        response.end(JSON.stringify(answer.body))
      }
    })()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** An error as AWS tells it. */
export function refusal(type: string, message: string, status = 400): Answer {
  return { status, body: { __type: type, message } }
}

function operationOf(headers: IncomingHttpHeaders): string {
  return String(headers['x-amz-target']).split('.').at(-1) ?? ''
}
