import { admitsSome, type Access } from './access.ts'

const bearerAuth = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'The access token of a sign-in.',
}
const apiKey = { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key that the service has given out.' }

/** How requests are signed; the page of the document asks for it under "Authorize". */
export function securitySchemes(keyRoles: readonly string[]): Record<string, unknown> {
  return { bearerAuth, ...(keyRoles.length > 0 ? { apiKey } : {}) }
}

/** Who may call an operation, for machines and, as a line of its description, for readers. */
export function describeAccess(
  access: Access,
  keyRoles: readonly string[],
  description?: string,
): Record<string, unknown> {
  // The empty requirement makes the token optional: on a public route it counts where the route looks at it.
  if (access === 'public') return { ...(description ? { description } : {}), security: [{}, { bearerAuth: [] }] }
  const roles = `For the roles: ${access.join(', ')}.`
  return {
    description: description ? `${description}\n\n${roles}` : roles,
    security: [{ bearerAuth: [] }, ...(admitsSome(access, keyRoles) ? [{ apiKey: [] }] : [])],
    'x-roles': access,
  }
}
