/** Loaded before a program that is tested: instead of the world, it is answered from here. */
globalThis.fetch = input => {
  const url = String(input instanceof Request ? input.url : input)
  return url.startsWith('https://truststore.pki.rds.amazonaws.com/')
    ? Promise.resolve(new Response('-----BEGIN CERTIFICATE-----\n'))
    : Promise.reject(new Error(`${url} is not to be called in a test`))
}
