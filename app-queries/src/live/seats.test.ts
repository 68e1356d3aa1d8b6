import { expect, test } from 'vitest'
import { createSeats } from './seats.ts'

test('nobody gets more than their share, and gets it again when they leave', () => {
  const seats = createSeats({ perCaller: 2, total: 10 })
  seats.take('ana')
  const leave = seats.take('ana')
  expect(() => seats.take('ana')).toThrow(expect.objectContaining({ code: 'too-many-streams', status: 429 }))
  seats.take('bia')
  leave()
  seats.take('ana')
  expect(() => seats.take('ana')).toThrow('You follow 2 streams')
})

test('all together get no more than there are', () => {
  const seats = createSeats({ perCaller: 2, total: 3 })
  const leave = seats.take('ana')
  seats.take('bia')
  seats.take('carla')
  const refusal = { status: 503, headers: { 'retry-after': '5' } }
  expect(() => seats.take('dora')).toThrow(expect.objectContaining(refusal))
  leave()
  seats.take('dora')
  expect(() => seats.take('ana')).toThrow(expect.objectContaining(refusal))
})
