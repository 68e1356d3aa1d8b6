// Runs one service from its folder: in watch mode, or one of its commands (`setup`, `migrate`). It finds the servers that
// `npm run infra` offers, and settings in the service's own `.env`; variables that are set win over both.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

const commands = process.argv.slice(2)
const name = path.basename(process.cwd()).replace(/^app-/, '')
const envFiles = ['../local/dev.env', `../.feira/env/${name}.env`, '.env'].filter(file => existsSync(file))
const watch = commands.length === 0 ? ['--watch', '--watch-preserve-output'] : []

const child = spawn(
  process.execPath,
  [...envFiles.map(file => `--env-file=${file}`), ...watch, 'src/main.ts', ...commands],
  {
    stdio: 'inherit',
    // Ctrl-C reaches a program twice, from the terminal and from npm, and Node's watch mode aborts at the second.
    detached: true,
  },
)

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
