import { encodeCursor, newId } from '@feira/chassis'
import { asAdmin } from '@feira/chassis/testing'
import { userCreated, userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { tell } from '../testing/stories.ts'

let model: OpenModel

const people = ['Ana', 'Bia', 'Caio'].map(name => ({ ...userCreated.example, userId: newId(), name }))
const gone = { ...userCreated.example, userId: newId(), name: 'Davi' }

beforeAll(async () => {
  model = await openModel()
  await model.told(...[...people, gone].map(user => tell(userCreated, user)))
  await model.told(tell(userDeleted, { ...userDeleted.example, userId: gone.userId, version: 2 }))
})
afterAll(() => model[Symbol.asyncDispose]())

const get = (query: Record<string, string> = {}) => model.http.inject({ url: '/q/users', query, headers: asAdmin() })

test('shows an admin every user who was not deleted, newest first', async () => {
  const { items, nextCursor } = (await get()).json()
  const { role, status, locale, createdAt, updatedAt, email } = userCreated.example
  const view = ({ userId: id, name }: (typeof people)[number]) => ({ id, name, version: 1 })
  const rest = { email, role, status, locale, createdAt, updatedAt }
  expect(items).toEqual(people.toReversed().map(person => ({ ...view(person), ...rest })))
  expect(nextCursor).toBeNull()
})

test('goes on where the page before ended', async () => {
  const first = (await get({ limit: '2' })).json()
  const second = (await get({ limit: '2', cursor: first.nextCursor })).json()
  expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['Caio', 'Bia', 'Ana'])
})

test('is kept until a user changes', async () => {
  const state = async () => (await get({ limit: '7' })).headers['x-cache']
  expect([await state(), await state()]).toEqual(['MISS', 'HIT'])
  const [ana] = people
  await model.told(
    tell(userUpdated, { ...userUpdated.example, userId: ana?.userId ?? '', version: 2, name: 'Ana Lima' }),
  )
  expect(await state()).toBe('MISS')
  expect((await get({ limit: '7' })).json().items[2]).toMatchObject({ name: 'Ana Lima', version: 2 })
})

test.each<[string, Record<string, string>, string]>([
  ['a limit in words', { limit: 'all' }, 'limit'],
  ['an unknown filter', { role: 'admin' }, 'role'],
  ['a forged cursor', { cursor: encodeCursor(['x']) }, 'cursor'],
])('%s is refused', async (_what, query, field) => {
  const answer = await get(query)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field }] })
})
