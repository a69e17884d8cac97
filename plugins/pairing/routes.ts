// Devices over HTTP: ask to be paired, look, approve, revoke, fetch a token; a device in is a person's decision, always.
import { ClonedError } from 'cloned/kernel'
import type { ApiPart, ApiTools, PageQuery, Principal } from '../api/slot.js'
import type { Asking } from './ask.js'
import { invitedBy, keyHolder, REQUEST, TOKEN } from './authenticators.js'
import { isCode } from './codes.js'
import type { Enrolment, Wish } from './enrol.js'
import { deviceJson } from './render.js'
import { ACCESS, APPROVE, BY_ID, CHANGED, DEVICE, EMPTY, PROOF, WISH } from './schemas.js'
import type { Device, Pairings } from './slot.js'
import { LIFETIME_S } from './tokens.js'

export interface RouteParts {
  readonly devices: Pairings
  readonly enrolment: Enrolment
  readonly asking: Asking
}

type ById = { Params: { id: string } }
type App = Parameters<ApiPart['register']>[0]

export function pairingsPart(parts: RouteParts): ApiPart {
  return {
    tag: 'pairings',
    register(app, api) {
      ownRoutes(app, api, parts)
      peopleRoutes(app, api, parts)
    },
  }
}

/** What a device does for itself. */
function ownRoutes(app: App, api: ApiTools, { enrolment }: RouteParts): void {
  app.post<{ Body: Wish }>('/pairings', {
    schema: {
      operationId: 'requestPairing',
      summary: 'Asks to be paired, with `Authorization: Pairing CODE` and a proof by the key of the device',
      headers: PROOF,
      body: WISH,
      response: { 201: DEVICE },
      security: [{ invitation: [] }],
    },
    config: { scope: REQUEST },
    handler: async (request, reply) => {
      const invited = invitedBy(api.principal(request))
      if (!invited) throw new ClonedError('PAIRING_REFUSED', { problem: 'it takes the code of an invitation' })
      const device = await enrolment.begin(invited, request.body)
      return reply.code(201).header('location', `/v1/pairings/${device.id}`).send(deviceJson(device))
    },
  })
  app.post('/token', {
    schema: {
      operationId: 'createToken',
      summary: 'An access token, with `Authorization: Device ID` and a proof by the key of the device',
      headers: PROOF,
      body: EMPTY,
      response: { 200: ACCESS },
      security: [{ deviceKey: [] }],
    },
    config: { scope: TOKEN },
    handler: async (request, reply) => {
      const id = keyHolder(api.principal(request))
      if (id === undefined) throw new ClonedError('PAIRING_REFUSED', { problem: 'it takes the key of a device' })
      const { token, device } = await enrolment.token(id)
      reply.header('cache-control', 'no-store')
      return { access_token: token, token_type: 'DPoP', expires_in: LIFETIME_S, scope: device.scopes.join(' ') }
    },
  })
}

/** What people do about devices. */
function peopleRoutes(app: App, api: ApiTools, { devices, asking }: RouteParts): void {
  app.get<{ Querystring: PageQuery & { state?: Device['state'] } }>('/pairings', {
    schema: {
      operationId: 'listPairings',
      summary: 'Devices, newest first',
      querystring: {
        type: 'object',
        additionalProperties: false,
        properties: { ...api.pageQuery, state: DEVICE.properties.state },
      },
      response: {
        200: {
          type: 'object',
          required: ['pairings'],
          properties: { pairings: { type: 'array', items: DEVICE }, next: { type: 'string' } },
        },
      },
    },
    config: { scope: 'pairings:read' },
    handler: async ({ query }) => {
      const all = await devices.list()
      const wanted = query.state === undefined ? all : all.filter(({ state }) => state === query.state)
      const { items, ...rest } = api.page(wanted, query, ({ id }) => id)
      return { pairings: items.map(deviceJson), ...rest }
    },
  })
  app.get<ById>('/pairings/:id', {
    schema: { operationId: 'getPairing', summary: 'One device', params: BY_ID, response: { 200: DEVICE } },
    config: { scope: 'pairings:read' },
    handler: async ({ params: { id } }) => deviceJson(await found(devices, id)),
  })
  app.post<ById & { Body: { code: string; dry_run?: boolean } }>('/pairings/:id/approve', {
    schema: {
      operationId: 'approvePairing',
      summary: 'Asks to let a device in; a person decides',
      params: BY_ID,
      body: APPROVE,
      response: { 200: CHANGED, 202: CHANGED },
    },
    config: { scope: 'pairings:write' },
    handler: async (request, reply) => {
      const { code, dry_run: dryRun = false } = request.body
      const principal = api.principal(request)
      const device = await found(devices, request.params.id)
      if (device.state !== 'pending' || !isCode(code, device.code)) throw new ClonedError('PAIRING_CODE', {})
      mustHold(principal, device)
      return api.answer(reply, await asking.approve(device, { actor: principal.actor, dryRun }))
    },
  })
  app.post<ById>('/pairings/:id/revoke', {
    schema: {
      operationId: 'revokePairing',
      summary: 'Takes every right from a device at once, for good',
      params: BY_ID,
      body: EMPTY,
      response: { 200: CHANGED, 202: CHANGED },
    },
    config: { scope: 'pairings:write' },
    handler: async (request, reply) => {
      const device = await found(devices, request.params.id)
      return api.answer(reply, await asking.revoke(device, { actor: api.principal(request).actor }))
    },
  })
}

/** Nobody lets a device do what they may not do themselves. */
function mustHold({ scopes }: Principal, device: Device): void {
  const missing = scopes.has('*') ? undefined : device.scopes.find((scope) => !scopes.has(scope))
  if (missing !== undefined) throw new ClonedError('API_SCOPE', { scope: missing })
}

async function found(devices: Pairings, id: string): Promise<Device> {
  const device = await devices.get(id)
  if (!device) throw new ClonedError('PAIRING_UNKNOWN', { device: id })
  return device
}
