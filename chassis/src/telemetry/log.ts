import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino'
import type { BaseConfig } from '../config.ts'
import { withoutStatement } from '../database/database-errors.ts'
import { currentFields, currentTrace } from './trace.ts'

export type { Logger }

/**
 * The logger of one service. Every line is one JSON object with `service`, `level`, `time` (ISO 8601) and, inside a
 * request or message, its ids: `traceId`, `spanId`, `correlationId`, `messageId`, `<aggregate>Id`.
 */
export function createLogger(
  service: string,
  config: Pick<BaseConfig, 'LOG_LEVEL' | 'DEBUG' | 'LOG_FORMAT'>,
  destination?: DestinationStream,
): Logger {
  const options = {
    level: config.DEBUG ? 'debug' : config.LOG_LEVEL,
    base: { service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: scopeFields,
    serializers: { err: (error: unknown) => stdSerializers.err(withoutStatement(error) as Error) },
    // PostgreSQL quotes the offending row in `detail` and `where`.
    redact: [
      'err.detail',
      'err.where',
      'req.headers.authorization',
      'headers.authorization',
      'req.headers["x-api-key"]',
      'headers["x-api-key"]',
      '*.password',
      '*.refresh_token',
    ],
  }
  if (destination) return pino(options, destination)
  if (config.LOG_FORMAT === 'json') return pino(options)
  return pino({
    ...options,
    transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,spanId', singleLine: true } },
  })
}

function scopeFields(): object {
  const trace = currentTrace()
  return trace ? { ...currentFields(), traceId: trace.traceId, spanId: trace.spanId } : {}
}
