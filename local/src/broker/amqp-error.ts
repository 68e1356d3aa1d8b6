type Scope = 'channel' | 'connection'

/** A refusal that closes the channel or the connection it happened on, with RabbitMQ's code and words. */
export class AmqpError extends Error {
  readonly scope: Scope
  readonly code: number

  constructor(scope: Scope, code: number, text: string) {
    super(text)
    this.name = 'AmqpError'
    this.scope = scope
    this.code = code
  }

  static accessRefused(text: string): AmqpError {
    return new AmqpError('channel', 403, `ACCESS_REFUSED - ${text}`)
  }

  static notFound(kind: 'exchange' | 'queue', name: string): AmqpError {
    return new AmqpError('channel', 404, `NOT_FOUND - no ${kind} '${name}' in vhost '/'`)
  }

  static locked(queue: string): AmqpError {
    const text = `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`
    return new AmqpError('channel', 405, text)
  }

  static preconditionFailed(text: string): AmqpError {
    return new AmqpError('channel', 406, `PRECONDITION_FAILED - ${text}`)
  }

  static unexpectedFrame(text: string): AmqpError {
    return new AmqpError('connection', 505, `UNEXPECTED_FRAME - ${text}`)
  }

  static notAllowed(text: string): AmqpError {
    return new AmqpError('connection', 530, `NOT_ALLOWED - ${text}`)
  }

  static notImplemented(text: string): AmqpError {
    return new AmqpError('connection', 540, `NOT_IMPLEMENTED - ${text}`)
  }
}

/** What `connection.close` and `channel.close` carry; a short string has 255 bytes at most. */
export function closeFields({ code, message }: AmqpError, methodId: number) {
  const replyText = Buffer.byteLength(message) < 256 ? message : `${message.slice(0, 80)}…`
  return { replyCode: code, replyText, classId: methodId >>> 16, methodId: methodId & 0xffff }
}
