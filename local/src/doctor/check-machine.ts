import type { DataDirectory, Facts, MachineFacts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'

/** Bytes. */
const scarce = { warning: 1_000_000_000, wrong: 100_000_000 }

/** Whether this machine has what `npm start` needs. */
export function checkMachine({ machine, mode }: Facts): Finding[] {
  if (!machine) return []
  return [
    checkNode(machine.nodeVersion),
    ...(mode === 'compose' ? [] : [checkDataDirectory(machine.dataDirectory)]),
    ...checkPorts(machine),
  ]
}

function checkNode(version: string): Finding {
  if (Number.parseInt(version, 10) >= 24) return ok('Node', version)
  const remedy = '`npm ci` brings Node 24 along on Linux and Windows; elsewhere install it from https://nodejs.org'
  return trouble('warning', 'Node', `${version}, and Feira is tested on 24 and later`, remedy)
}

function checkDataDirectory({ path, state, free, writtenBy, embedded }: DataDirectory): Finding {
  const check = 'data directory'
  const another = 'name another one by DATA_DIR'
  if (state === 'not-a-directory')
    return trouble('wrong', check, `${path} is not a directory`, `move it away, or ${another}`)
  if (state === 'not-writable')
    return trouble(
      'wrong',
      check,
      `${path} may not be written to`,
      `\`ls -ld ${path}\`; change its owner, or ${another}`,
    )
  if (writtenBy !== undefined && embedded !== undefined && writtenBy !== embedded) {
    const says = `${path} was written by PostgreSQL ${writtenBy}, and the embedded one is ${embedded}`
    return trouble(
      'wrong',
      check,
      says,
      `move ${path}/postgres away to begin empty, or set DATABASE_URL to a server of that version`,
    )
  }
  if (free < scarce.warning) {
    const says = `${Math.round(free / 1e6)} MB are left where ${path} is`
    return trouble(
      free < scarce.wrong ? 'wrong' : 'warning',
      check,
      says,
      `make room, or ${another}; a full disk stops PostgreSQL`,
    )
  }
  return ok(
    check,
    state === 'absent' ? `${path} will be made by the first start` : `${path}, ${(free / 1e9).toFixed(0)} GB free`,
  )
}

function checkPorts({ takenPorts }: MachineFacts): Finding[] {
  return takenPorts.map(({ port, what, variable }) =>
    trouble(
      'warning',
      'ports',
      `another program listens on port ${port}, which \`npm start\` needs for ${what}`,
      `end it, or set ${variable} to another port`,
    ),
  )
}
