import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Encrypts a private key for the database: AES-256-GCM, bound to the key's name, so that rows cannot be swapped. */
export function seal(text: string, secret: string, kid: string): string {
  const salt = randomBytes(16)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyFrom(secret, salt), nonce).setAAD(Buffer.from(kid))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return [salt, nonce, cipher.getAuthTag(), sealed].map(part => part.toString('base64url')).join('.')
}

/** Undoes {@link seal}. @throws when the secret or the name is another one, or the text was changed. */
export function unseal(sealed: string, secret: string, kid: string): string {
  const [salt, nonce, tag, text] = sealed.split('.').map(part => Buffer.from(part, 'base64url'))
  if (!salt || !nonce || !tag || !text) throw new Error('This is not a sealed key.')
  const options = { authTagLength: 16 }
  const decipher = createDecipheriv('aes-256-gcm', keyFrom(secret, salt), nonce, options)
  decipher.setAAD(Buffer.from(kid)).setAuthTag(tag)
  return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8')
}

function keyFrom(secret: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, 'feira signing key', 32))
}
