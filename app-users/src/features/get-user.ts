import { callerOf, mayAccess, rejections, versioned, type Route } from '@feira/chassis'
import { z } from 'zod'
import { roles } from '../domain/user.ts'
import { findUser, tagOf, toView, userView } from '../users/user-view.ts'

/** `GET /users/:id` */
export const getUser: Route = (app, { db }) => {
  const params = z.object({ id: z.uuid() })
  const schema = { summary: 'Read one user', tags: ['users'], params, response: { 200: userView } }

  app.get('/users/:id', { config: { access: roles, conditional: true }, schema }, async (request, reply) => {
    const { id } = request.params
    const found = mayAccess(callerOf(request), id.toLowerCase()) ? await findUser(db, id) : undefined
    if (!found) throw rejections.notFound('user', id)
    return versioned(request, reply, tagOf(found), toView(found))
  })
}
