import { defineConfig } from 'vitest/config'

const project = (name: string, root = name) => ({
  test: { name, root, include: ['**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
})

export default defineConfig({
  test: {
    projects: [project('contracts'), project('chassis'), project('app-orders'), project('app-invoices'), project('local'), project('journeys')],
  },
})
