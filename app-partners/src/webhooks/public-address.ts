import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** All of IPv6 that is in use as global unicast; see https://www.iana.org/assignments/ipv6-address-space. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an IP address belongs to one host of the public internet: not to this machine, a private, shared or link-local
 * network, a group, or a range that embeds an IPv4 address, which may be any of those.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return ipaddr.IPv4.parse(address).range() === 'unicast'
  if (isIP(address) !== 6) return false
  const parsed = ipaddr.IPv6.parse(address)
  return parsed.range() === 'unicast' && parsed.match(globalUnicast)
}

/** Names that mean this machine or the network around it, whatever DNS says of them (RFC 6761, 6762, 8375, 9476). */
const localNames = /(^|\.)(localhost|local|internal|intranet|lan|private|corp|home|home\.arpa|onion|alt|test|invalid)$/

/**
 * Whether the host of a URL may be on the public internet: of a name, DNS has the last word when it is connected to.
 * @param hostname as `URL` spells it: it reads `0x7f.1`, `2130706433` and `①②⑦.0.0.1` as 127.0.0.1.
 */
export function isPublicHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host)) return isPublicAddress(host)
  const name = host.replace(/\.$/, '')
  return name.includes('.') && !localNames.test(name)
}
