import { expect, test } from 'vitest'
import { limitConcurrency } from './limit-concurrency.ts'

/** Work that ends when it is told to. */
function heldWork() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let started = false
  const work = () => {
    started = true
    return promise
  }
  return { work, resolve, reject, started: () => started }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

test('so many run, the next waits for one to end, and who comes then is refused', async () => {
  const limited = limitConcurrency(2, 1, 7)
  const jobs = [heldWork(), heldWork(), heldWork()] as const
  const results = jobs.map(({ work }) => limited(work))
  await turn()
  expect(jobs.map(job => job.started())).toEqual([true, true, false])
  await expect(limited(async () => 'never')).rejects.toMatchObject({
    code: 'overloaded',
    status: 503,
    headers: { 'retry-after': '7' },
  })
  jobs[1].resolve('b')
  await turn()
  expect(jobs[2].started()).toBe(true)
  jobs[0].resolve('a')
  jobs[2].resolve('c')
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c'])
})

test('work that fails gives its place back', async () => {
  const limited = limitConcurrency(1, 0)
  const failing = limited(async () => {
    throw new Error('out of paper')
  })
  await expect(failing).rejects.toThrow('out of paper')
  expect(await limited(async () => 'printed')).toBe('printed')
})
