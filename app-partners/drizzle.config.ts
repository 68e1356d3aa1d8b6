import { drizzleCredentials, environment } from '@feira/chassis'
import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/schema.ts',
  out: './migrations',
  dbCredentials: drizzleCredentials(environment()),
})
