// Mounts the API inside a host application, under the host's own authentication; the host's sign-in is all there is.
import { gateSlot, type Kernel } from 'cloned/kernel'
import { apiSlot, type Scope } from 'cloned/plugins/api'
import express, { type Express, type Request } from 'express'

/** Someone whom the host has signed in. */
export interface HostUser {
  readonly name: string
  readonly role: 'viewer' | 'operator'
}

const SCOPES: Readonly<Record<HostUser['role'], readonly Scope[]>> = {
  viewer: ['tools:read', 'runs:read', 'artifacts:read', 'audit:read'],
  operator: ['tools:read', 'tools:call', 'runs:read', 'runs:write', 'artifacts:read', 'audit:read', 'budgets:read'],
}

/** `userOf` is the host's own: a session, a token of its identity provider. `undefined` is nobody. */
export function hostApp(kernel: Kernel, userOf: (request: Request) => HostUser | undefined): Express {
  const api = kernel.service(apiSlot)
  const gate = kernel.service(gateSlot)
  const app = express()
  app.disable('x-powered-by')
  app.get('/', (_, response) => void response.send('the host'))
  // Before any body parser: the API reads bodies itself, with its own limits.
  app.use('/governed', async (request, response) => {
    const user = userOf(request)
    if (!user) return void response.status(401).send('sign in first')
    // The host has checked who this is, so the name is not a claim; what it may do follows from its role.
    // No user of this machine: nobody decides here in the name of the user that the server runs as.
    const actor = gate.actor({ id: `user:${user.name}`, claimed: false, osUser: '' })
    await api.handle(request, response, { actor, scopes: new Set(SCOPES[user.role]), via: 'host' })
  })
  return app
}
