import { z } from 'zod'

/** A line of text from 1 to `max` characters, blanks around it cut off. */
export const textLine = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(max, `must be at most ${max} characters`)
    .regex(/^\P{Cc}*$/u, 'must be one line')
