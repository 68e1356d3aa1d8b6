/**
 * What every answer says to browsers, by the OWASP REST Security Cheat Sheet: an API shows nothing, frames nothing, and is
 * read by its own origin alone. Constants, because `@fastify/helmet` works them out for each request: measured, that cost as
 * much CPU as a bare Fastify request does.
 */
export const securityHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const
