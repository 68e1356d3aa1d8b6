import { callerOf, Rejection, versioned, type Caller, type Resources, type Route } from '@feira/chassis'
import type { Config } from '../config.ts'
import { newUser, roles, type NewUser } from '../domain/user.ts'
import { isBuiltIn } from '../tokens/issuer-mode.ts'
import { emailTaken, insertUser, wasDeleted } from '../users/new-users.ts'
import { accountDeleted } from '../users/standing.ts'
import { userFields } from '../users/user-fields.ts'
import { findUser, tagOf, toView, userView } from '../users/user-view.ts'

/** `GET /auth/me`: the caller's own user; made from the token's claims when another issuer sends somebody new. */
export const getMe: Route<Config> = (app, resources) => {
  const schema = { summary: 'Read who I am', tags: ['auth'], response: { 200: userView } }

  app.get('/auth/me', { config: { access: roles, conditional: true }, schema }, async (request, reply) => {
    const caller = callerOf(request)
    const found = (await findUser(resources.db, caller.id)) ?? (await welcome(resources, caller))
    return versioned(request, reply, tagOf(found), toView(found))
  })
}

async function welcome({ config, transact }: Resources<Config>, caller: Caller) {
  if (isBuiltIn(config)) throw accountDeleted()
  return transact(async tx => {
    if (await wasDeleted(tx, caller.id)) throw accountDeleted()
    await insertUser(tx, newUser(fromClaims(caller), new Date()))
    // Made by this request, or by another one at the same time; if by neither, the address is somebody else's.
    const found = await findUser(tx.db, caller.id)
    if (!found) throw emailTaken()
    return found
  })
}

function fromClaims({ id, roles: held, email, name, claims }: Caller): NewUser {
  const address = userFields.email.safeParse(email)
  if (!address.success)
    throw new Rejection(
      'claims-incomplete',
      422,
      'The access token names no e-mail address: its claim email is needed.',
    )
  const names = [name, claims['preferred_username'], address.data.split('@')[0]]
  const readable = names.map(text => userFields.name.safeParse(text)).find(({ success }) => success)
  const role = (['admin', 'partner'] as const).find(each => held.includes(each)) ?? 'user'
  return { id, name: readable?.data ?? 'user', email: address.data, role }
}
