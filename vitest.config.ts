import { globSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

// Whatever folder there is: deleting a service needs no change here.
const folders = ['contracts', 'chassis', 'app-*', 'local', 'journeys', 'infra', 'delivery']
const projects = globSync(folders, { cwd: import.meta.dirname }).map(name => ({
  test: {
    name,
    root: name,
    include: ['**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A service keeps no state in its modules, so its test files may share them: loading them costs as much as a test.
    isolate: !name.startsWith('app-'),
  },
}))

const coverage = {
  provider: 'v8' as const,
  include: ['**/src/**/*.ts'],
  exclude: ['**/*.test.ts', '**/testing/**', '**/*.testing.ts'],
  reporter: ['json-summary', 'html'],
}

export default defineConfig({ test: { globalSetup: ['local/src/test-servers.ts'], projects, coverage } })
