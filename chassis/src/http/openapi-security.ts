import type { Access } from './access.ts'

/** The one scheme of all services; the page of the document asks for the token under "Authorize". */
export const securitySchemes = {
  bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The access token of a sign-in.' },
}

/** What a route for some roles answers to everybody else. */
export const refusals = {
  401: 'No access token, or one that does not count (`token-missing`, `token-invalid`, `token-expired`)',
  403: 'The caller has none of the roles (`role-missing`)',
}

/** Who may call an operation, for machines and, as a line of its description, for readers. */
export function describeAccess(access: Access, description?: string): Record<string, unknown> {
  // The empty requirement makes the token optional: on a public route it counts where the route looks at it.
  if (access === 'public') return { ...(description ? { description } : {}), security: [{}, { bearerAuth: [] }] }
  const roles = `For the roles: ${access.join(', ')}.`
  return {
    description: description ? `${description}\n\n${roles}` : roles,
    security: [{ bearerAuth: [] }],
    'x-roles': access,
  }
}
