import type { Role } from './user.ts'

export interface DevelopmentAccount {
  readonly id: string
  readonly loginName: string
  readonly password: string
  readonly name: string
  readonly email: string
  readonly role: Role
}

/** Accounts to try the system with. Everybody knows their passwords, so NODE_ENV=production refuses them. */
export const developmentAccounts: readonly DevelopmentAccount[] = [
  {
    id: '01920000-0000-7000-8000-000000000001',
    loginName: 'admin',
    password: 'admin',
    name: 'Admin',
    email: 'admin@example.com',
    role: 'admin',
  },
  {
    id: '01920000-0000-7000-8000-000000000002',
    loginName: 'testuser',
    password: 'multpex',
    name: 'Test User',
    email: 'testuser@example.com',
    role: 'user',
  },
  {
    id: '01920000-0000-7000-8000-000000000003',
    loginName: 'partner',
    password: 'secret',
    name: 'Partner',
    email: 'partner@example.com',
    role: 'partner',
  },
]
