import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { BenchSystem } from './system.ts'

export interface Load {
  /** Each waits for its answer before it orders again. */
  readonly clients: number
  readonly seconds: number
}

/** Places orders as fast as they are answered. @returns orders per second. */
export function placeOrders({ ordersUrl, customer }: BenchSystem, { clients, seconds }: Load): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'feira-bench-'))
  try {
    const script = path.join(folder, 'order.lua')
    writeFileSync(script, orderBy(customer))
    const args = ['-t1', `-c${clients}`, `-d${seconds}s`, '-s', script, ordersUrl]
    const output = execFileSync('wrk', args, { encoding: 'utf8' })
    if (/Non-2xx/.test(output)) throw new Error(`Some orders were refused:\n${output}`)
    return numberIn(output, /Requests\/sec:\s+([\d.]+)/)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The figure that a tool has printed. */
export function numberIn(output: string, pattern: RegExp): number {
  const match = pattern.exec(output)
  if (!match) throw new Error(`No figure in:\n${output}`)
  return Number(match[1])
}

const orderBy = (customer: BenchSystem['customer']) => `wrk.method = "POST"
${Object.entries(customer)
  .map(([name, value]) => `wrk.headers["${name}"] = "${value}"`)
  .join('\n')}
wrk.headers["content-type"] = "application/json"
wrk.body = '{"amount": 29.99}'
`
