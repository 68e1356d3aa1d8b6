import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { ProtobufMessage } from './protobuf.ts'

export type AttributeValue = string | number | boolean | readonly AttributeValue[]

/** A span as it was exported. */
export interface ExportedSpan {
  readonly service: string
  /** The service's process. */
  readonly instance: string
  /** What made it: the chassis, or one of OpenTelemetry's instrumentations. */
  readonly scope: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly failed: boolean
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** A server that takes traces by OTLP over HTTP, in Protocol Buffers, as Jaeger and collectors do. */
export class OtlpReceiver {
  readonly spans: ExportedSpan[] = []
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request).then(
        () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
        error => response.writeHead(400).end(String(error)),
      )
    })
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver()
    await new Promise<void>(resolve => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The spans of one trace. */
  trace(traceId: string): ExportedSpan[] {
    return this.spans.filter(span => span.traceId === traceId)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage): Promise<void> {
    if (request.url !== '/v1/traces') throw new Error(`nothing is taken at ${request.url}`)
    const body = await buffer(request)
    const zipped = request.headers['content-encoding'] === 'gzip'
    this.spans.push(...spansOf(zipped ? gunzipSync(body) : body))
  }
}

// The numbers are those of https://github.com/open-telemetry/opentelemetry-proto, trace/v1/trace.proto and common/v1/common.proto.
function spansOf(body: Buffer): ExportedSpan[] {
  return new ProtobufMessage(body).messages(1).flatMap(resourceSpans => {
    const [resource] = resourceSpans.messages(1).map(attributesOf(1))
    const service = String(resource?.['service.name'])
    const instance = String(resource?.['service.instance.id'])
    return resourceSpans.messages(2).flatMap(scopeSpans => {
      const scope = scopeSpans.messages(1)[0]?.text(1) ?? ''
      return scopeSpans.messages(2).map(span => ({ service, instance, scope, ...spanOf(span) }))
    })
  })
}

const kinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const

function spanOf(span: ProtobufMessage): Omit<ExportedSpan, 'service' | 'instance' | 'scope'> {
  const parentId = span.bytes(4).toString('hex')
  return {
    traceId: span.bytes(1).toString('hex'),
    spanId: span.bytes(2).toString('hex'),
    parentId: parentId === '' ? undefined : parentId,
    name: span.text(5),
    kind: kinds[Number(span.number(6))] ?? 'internal',
    failed: span.messages(15)[0]?.number(3) === 2n,
    attributes: attributesOf(9)(span),
  }
}

function attributesOf(field: number) {
  return (message: ProtobufMessage): Record<string, AttributeValue> =>
    Object.fromEntries(message.messages(field).map(pair => [pair.text(1), valueOf(pair.messages(2)[0])]))
}

function valueOf(value: ProtobufMessage | undefined): AttributeValue {
  if (!value) return ''
  if (value.has(2)) return value.number(2) === 1n
  if (value.has(3)) return Number(BigInt.asIntN(64, value.number(3)))
  if (value.has(4)) return doubleOf(value.number(4))
  if (value.has(5)) return value.messages(5).flatMap(array => array.messages(1).map(valueOf))
  return value.text(1)
}

function doubleOf(bits: bigint): number {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(bits)
  return bytes.readDoubleLE()
}
