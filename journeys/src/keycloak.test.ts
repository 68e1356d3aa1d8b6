import { describe, expect, test } from 'vitest'
import { container, read } from './compose.ts'

interface Realm {
  readonly realm: string
  readonly roles: { readonly realm: readonly { readonly name: string }[] }
  readonly clients: readonly {
    readonly clientId: string
    readonly protocolMappers: readonly { readonly protocolMapper: string; readonly config: Record<string, string> }[]
  }[]
  readonly users: readonly {
    readonly id: string
    readonly username: string
    readonly email: string
    readonly realmRoles: readonly string[]
    readonly credentials: readonly { readonly value: string }[]
  }[]
}

const { realm, roles, clients, users } = JSON.parse(read('docker/keycloak/feira-realm.json')) as Realm
const settings = new Map(
  [...read('docker/keycloak/oidc.env').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]),
)

describe('the realm that Keycloak imports', () => {
  test('has the development accounts of app-users, by the same ids', () => {
    const source = read('app-users/src/domain/development-account.ts')
    const field = (name: string) =>
      [...source.matchAll(new RegExp(`^ +${name}: '([^']+)',$`, 'gm'))].map(([, value]) => value)
    expect(users.length).toBeGreaterThanOrEqual(3)
    expect(users.map(({ id }) => id)).toEqual(field('id'))
    expect(users.map(({ username }) => username)).toEqual(field('loginName'))
    expect(users.map(({ credentials }) => credentials[0]?.value)).toEqual(field('password'))
    expect(users.map(({ email }) => email)).toEqual(field('email'))
    expect(users.map(({ realmRoles }) => realmRoles)).toEqual(field('role').map(role => [role]))
  })

  test('knows every role that a user has', () => {
    const known = roles.realm.map(({ name }) => name)
    expect(users.flatMap(({ realmRoles }) => realmRoles).filter(role => !known.includes(role))).toEqual([])
  })

  test('issues tokens for the audience that the services expect', () => {
    const audiences = clients.flatMap(({ protocolMappers }) =>
      protocolMappers.map(({ config }) => config['included.client.audience']),
    )
    expect(audiences).toEqual([settings.get('AUTH_AUDIENCE')])
    expect(clients.map(({ clientId }) => clientId)).toEqual(audiences)
  })
})

describe('docker/keycloak/oidc.env', () => {
  test('sets what the services are told about their issuer, and nothing else', () => {
    const told = Object.entries(container('app-orders').environment).filter(([name]) => name.startsWith('AUTH_'))
    expect(told.length).toBeGreaterThanOrEqual(4)
    expect(new Set(settings.keys())).toEqual(new Set(told.map(([name]) => name)))
    expect(told.filter(([name, value]) => !value.startsWith(`\${${name}:-`))).toEqual([])
  })

  test('names the realm, at the address that Keycloak puts into its tokens, and its keys within the network', () => {
    expect(settings.get('AUTH_ISSUER')).toBe(`${container('keycloak').environment['KC_HOSTNAME']}/realms/${realm}`)
    expect(settings.get('AUTH_JWKS_URL')).toBe(`http://keycloak:8080/realms/${realm}/protocol/openid-connect/certs`)
    expect(settings.get('AUTH_ROLES_CLAIM')).toBe('realm_access.roles')
  })
})
