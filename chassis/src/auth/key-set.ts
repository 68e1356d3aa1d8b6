import type { JSONWebKeySet, JWK } from 'jose'

/** Bytes; a dozen keys with certificates fit many times over. */
const maxSize = 262_144

/**
 * Fetches a JWK Set (RFC 7517 §5): at most 256 KiB, without following redirects, until `signal` says stop.
 * @throws saying what is wrong with it, also when it holds no key that {@link publicKeysOf} would take.
 */
export async function fetchKeySet(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`the issuer answered ${response.status} when asked for its keys`)
  }
  const keys = publicKeysOf(parse(await readText(response)))
  if (keys.length === 0) throw new Error('the issuer has no public key for signatures in its key set')
  return { keys }
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxSize) throw new Error(`the key set of the issuer is larger than ${maxSize} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('the key set of the issuer is not JSON')
  }
}

/**
 * The keys of a JWK Set that signatures may be checked with. Left out are symmetric keys, keys for something else, and
 * private keys: whoever publishes one has lost it to everybody.
 */
export function publicKeysOf(keySet: unknown): JWK[] {
  const keys = (keySet as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) return []
  return keys.filter((key): key is JWK => isRecord(key) && isPublic(key))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

// RFC 7518 §6: `d` is the private part of EC, OKP and RSA keys, `k` a symmetric key.
function isPublic(key: Record<string, unknown>): boolean {
  const asymmetric = key['kty'] === 'EC' || key['kty'] === 'OKP' || key['kty'] === 'RSA'
  const secret = 'd' in key || 'k' in key
  return asymmetric && !secret && (key['use'] === undefined || key['use'] === 'sig')
}
