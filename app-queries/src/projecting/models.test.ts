import { expect, test } from 'vitest'
import { openModel } from '../testing/model.ts'
import { holdModels, lockModels } from './models.ts'

test('a process that stops in the middle of writing is not waited for longer than a few seconds', async () => {
  await using model = await openModel()
  const { transact } = model.resources
  const [holds, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const stopped = transact(async tx => {
    await holdModels(tx)
    holds.resolve()
    await goesOn.promise
  })
  await holds.promise
  // It would give up after 30 s.
  await transact(lockModels)
  goesOn.resolve()
  await expect(stopped).rejects.toThrow(/connection/)
})
