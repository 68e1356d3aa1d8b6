import { duration, type ConfigOf } from '@feira/chassis'
import { z } from 'zod'

/** Known to everybody who can read this, hence refused with NODE_ENV=production. */
export const developmentKeySecret = 'only-for-development-not-a-secret'

export const config = {
  ACCESS_TOKEN_LIFETIME: duration().default(600_000).describe('how long an access token counts, e.g. 10m'),
  REFRESH_TOKEN_LIFETIME: duration()
    .default(30 * 86_400_000)
    .describe('how long a refresh token counts; each use gives a new one'),
  AUTH_KEY_LIFETIME: duration()
    .default(30 * 86_400_000)
    .describe('how long a key signs before the next one does'),
  AUTH_KEY_NOTICE: duration()
    .default(900_000)
    .describe('how long a key is published before it signs; longer than anybody keeps the key set'),
  AUTH_KEY_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters')
    .default(developmentKeySecret)
    .describe('encrypts the signing keys in the database, e.g. from `openssl rand -base64 32`'),
  ADMIN_EMAIL: z.email().max(254).optional().describe('the first admin, made when there is none'),
  ADMIN_PASSWORD: z.string().min(8).max(128).optional().describe('the password of the first admin'),
}

export type Config = ConfigOf<typeof config>
