import { defineConfig } from 'vitest/config'

const project = (name: string) => ({
  test: { name, root: name, include: ['**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
})

export default defineConfig({
  test: {
    globalSetup: ['local/src/test-servers.ts'],
    projects: [
      project('contracts'),
      project('chassis'),
      project('app-orders'),
      project('app-invoices'),
      project('local'),
      project('journeys'),
    ],
  },
})
