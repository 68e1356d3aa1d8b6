/**
 * The certificates of the authorities that sign those of RDS in a region, as PEM. Node does not know them.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
 * @throws when AWS does not answer with certificates.
 */
export async function rdsCertificates(region: string): Promise<string> {
  const url = `https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem`
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) })
  const text = await response.text()
  if (!response.ok || !text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new Error(`${url} answered ${response.status} and no certificates`)
  }
  return text
}
