import type { ClientMethods, ServerMethods } from './amqp-codec.ts'
import { AmqpError } from './amqp-error.ts'
import { FRAME_MAX, FRAME_MIN } from './frames.ts'

export const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1')

/** The highest channel number, as in RabbitMQ. */
export const CHANNEL_MAX = 2_047

export const connectionStart: ServerMethods['ConnectionStart'] = {
  versionMajor: 0,
  versionMinor: 9,
  serverProperties: {
    product: 'Feira embedded broker',
    platform: `Node.js ${process.versions.node}`,
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      per_consumer_qos: true,
      authentication_failure_close: true,
    },
  },
  mechanisms: Buffer.from('PLAIN'),
  locales: Buffer.from('en_US'),
}

export const connectionTune: ServerMethods['ConnectionTune'] = {
  channelMax: CHANNEL_MAX,
  frameMax: FRAME_MAX,
  heartbeat: 60,
}

/** @throws AmqpError 403 unless the client logs in as guest, the only user there is. */
export function authenticate({ mechanism, response }: ClientMethods['ConnectionStartOk']): void {
  if (mechanism !== 'PLAIN') {
    throw new AmqpError('connection', 503, `COMMAND_INVALID - unknown authentication mechanism '${mechanism}'`)
  }
  // RFC 4616: authorization identity, user and password, each behind a NUL.
  const [, user, password] = response.toString().split('\0')
  if (user === 'guest' && password === 'guest') return
  const text = `Login was refused using authentication mechanism PLAIN. For details see the broker logfile.`
  throw new AmqpError('connection', 403, `ACCESS_REFUSED - ${text}`)
}

/** @returns the largest frame that both sides take, in bytes; a client that answers 0 leaves it to the server. */
export function negotiateFrameMax({ frameMax }: ClientMethods['ConnectionTuneOk']): number {
  if (frameMax === 0) return FRAME_MAX
  if (frameMax < FRAME_MIN) throw AmqpError.notAllowed(`frame_max=${frameMax} is below the minimum of ${FRAME_MIN}`)
  if (frameMax > FRAME_MAX) throw AmqpError.notAllowed(`frame_max=${frameMax} exceeds the server's ${FRAME_MAX}`)
  return frameMax
}

/** @throws AmqpError 530 for every virtual host but `/`. */
export function checkVirtualHost({ virtualHost }: ClientMethods['ConnectionOpen']): void {
  if (virtualHost !== '/') throw AmqpError.notAllowed(`vhost ${virtualHost} not found`)
}
