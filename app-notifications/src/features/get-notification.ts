import { callerOf, isAdmin, mayAccess, rejections, versioned, type Route } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { notificationView, toView } from '../notification-view.ts'
import { notifications } from '../schema.ts'

/** `GET /notifications/:id` */
export const getNotification: Route = (app, { db }) => {
  const params = z.object({ id: z.uuid() })
  const schema = {
    summary: 'Read one notification',
    tags: ['notifications'],
    params,
    response: { 200: notificationView },
  }

  app.get(
    '/notifications/:id',
    { config: { access: ['user', 'admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const caller = callerOf(request)
      const [row] = await db.select().from(notifications).where(eq(notifications.id, id))
      if (!row || !mayAccess(caller, row.userId)) throw rejections.notFound('notification', id)
      return versioned(request, reply, row.revision, toView(row, isAdmin(caller)))
    },
  )
}
