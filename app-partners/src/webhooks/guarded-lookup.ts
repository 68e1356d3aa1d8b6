import { Resolver } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { targetRefused } from './failure.ts'
import { isPublicAddress } from './public-address.ts'

/** All addresses of a host. @throws an error with a `code` when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/**
 * Asks DNS itself. The operating system's resolver would keep one of Node's four threads busy for as long as a partner's name
 * server likes, and would read this machine's hosts file.
 */
export function dnsResolve(): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  return async hostname => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    const addresses = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
    const [failure] = answers.filter(answer => answer.status === 'rejected')
    if (addresses.length === 0) throw failure?.reason
    return addresses
  }
}

/**
 * A lookup for `net.connect` that knows public addresses only. What it has checked is what is connected to, so a name that
 * changes its mind between two questions (DNS rebinding) gains nothing. One address that is not public refuses the name.
 */
export function guardedLookup(resolve: Resolve): LookupFunction {
  const publicAddresses = callbackify(async (hostname: string) => {
    const addresses = await resolve(hostname)
    if (addresses.every(isPublicAddress)) return addresses.map(withFamily)
    throw targetRefused('leads to an address that is not public')
  })
  return (hostname, options, callback) =>
    publicAddresses(hostname, (error, addresses) => {
      const [first] = addresses ?? []
      if (error || !first) callback(error ?? new Error(`${hostname} has no address`), '')
      else if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
}

function withFamily(address: string) {
  return { address, family: isIP(address) }
}
