import { X509Certificate } from 'node:crypto'

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Whether a text holds certificates in PEM, each of which can be read. */
export function areCertificates(text: string): boolean {
  const blocks = text.match(block) ?? []
  return blocks.length > 0 && blocks.length === text.split('-----BEGIN').length - 1 && blocks.every(isCertificate)
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

// https://nodejs.org/docs/latest-v24.x/api/tls.html#x509-certificate-error-codes, and Node's own for another host name.
const refusals =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERROR_IN_CERT_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|HOSTNAME_|ERR_TLS_CERT_)/

/** Whether a TLS connection was given up because of the certificate that the server showed: trying again does not help. */
export function isCertificateRefused(error: unknown): error is Error {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as { code?: unknown }
    if (typeof code === 'string' && refusals.test(code)) return true
  }
  return false
}

const trustedByNode =
  'it must be signed by an authority that Node.js trusts (NODE_EXTRA_CA_CERTS adds some), for that host'

/**
 * What to tell of a certificate that was refused; any other error comes back as it is.
 * @param server e.g. `Redis at cache.internal:6379`
 * @param rule what would be accepted
 */
export function explainRefusal(error: Error, server: string, rule: string = trustedByNode): Error {
  if (!isCertificateRefused(error)) return error
  const message = `the certificate of ${server} is not accepted: ${error.message}; ${rule}`
  return Object.assign(new Error(message, { cause: error }), { code: (error as { code?: string }).code })
}
