import { z } from 'zod'
import { defineEvent } from '@feira/contracts'

/** A user as readers may know one; name and e-mail are null once the person is erased. */
const user = {
  userId: z.uuid(),
  version: z.int().positive(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  role: z.enum(['user', 'admin', 'partner']),
  status: z.enum(['active', 'blocked']),
  locale: z.enum(['pt-BR', 'en']),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
}

const aggregate = { type: 'user', id: 'userId', version: 'version' } as const
const personal = { subject: 'userId', fields: ['name', 'email'] } as const

const example = {
  userId: '01936f3e-1111-7c1e-9b3a-51d21b2a3c4d',
  version: 1,
  name: 'Ana Souza',
  email: 'ana@example.com',
  role: 'user' as const,
  status: 'active' as const,
  locale: 'pt-BR' as const,
  createdAt: '2026-11-21T11:00:00.000Z',
  updatedAt: '2026-11-21T11:00:00.000Z',
}

export const userCreated = defineEvent('user.created', {
  owner: 'users',
  summary: 'Somebody registered, was registered by an admin, or came from another issuer for the first time.',
  aggregate,
  personal,
  schema: z.object(user),
  example,
})

export const userUpdated = defineEvent('user.updated', {
  owner: 'users',
  summary: 'A user changed: shows all of it as it is now.',
  aggregate,
  personal,
  schema: z.object(user),
  example: { ...example, version: 2, status: 'blocked', updatedAt: '2026-11-21T12:00:00.000Z' },
})

export const userDeleted = defineEvent('user.deleted', {
  owner: 'users',
  summary: 'A user is gone: everybody removes or anonymises what they hold of the person.',
  aggregate,
  schema: z.object({ userId: user.userId, version: user.version, deletedAt: z.iso.datetime() }),
  example: { userId: example.userId, version: 3, deletedAt: '2026-11-21T13:00:00.000Z' },
})

export const userSnapshot = defineEvent('user.snapshot', {
  owner: 'users',
  summary: 'A user as it is now, for the one who asked by `snapshot.requested`.',
  aggregate,
  personal,
  schema: z.object({ ...user, requestId: z.uuid() }),
  example: { ...example, requestId: '01936f3e-9999-7c1e-9b3a-51d21b2a3c4d' },
})
