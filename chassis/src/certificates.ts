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
