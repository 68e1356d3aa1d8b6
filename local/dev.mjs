// Runs one service from its folder: in watch mode, or one of its commands (`setup`, `migrate`); or a program on its database
// (`studio`, `query`). It finds the servers that `npm start` and `npm run infra` offer, and settings in the service's own
// `.env`; variables that are set win over both.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [command, ...args] = process.argv.slice(2)
const name = path.basename(process.cwd()).replace(/^app-/, '')
const envFiles = ['../local/dev.env', `../.feira/env/${name}.env`, '.env'].filter(file => existsSync(file))

function programOf() {
  if (command === undefined) return ['--watch', '--watch-preserve-output', 'src/main.ts']
  if (command === 'query') return ['../local/src/query.ts', ...args]
  if (command === 'studio') {
    // Where npm put the package; its program is no export of it.
    const drizzleKit = fileURLToPath(new URL('bin.cjs', import.meta.resolve('drizzle-kit')))
    return [drizzleKit, 'studio', ...args]
  }
  return ['src/main.ts', command, ...args]
}

const child = spawn(process.execPath, [...envFiles.map(file => `--env-file=${file}`), ...programOf()], {
  stdio: 'inherit',
  // Ctrl-C reaches a program twice, from the terminal and from npm, and Node's watch mode aborts at the second.
  detached: true,
})

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (!stopping) child.kill('SIGTERM')
    stopping = true
  })
}
child.on('exit', code => process.exit(stopping ? 0 : (code ?? 1)))

// When npm is ended by a signal of its own it passes nothing on, and nobody would end the service.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) child.kill('SIGTERM')
}, 1_000).unref()
