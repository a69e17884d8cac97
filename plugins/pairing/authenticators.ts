// Proves devices to the API: an invited one, one that fetches a token, and one that uses it; each may do that and nothing else.
import type { Gate } from 'cloned/kernel'
import type { AuthenticationRequest, Authenticator, Principal, Scope } from '../api/slot.js'
import { sameText } from './codes.js'
import type { Devices } from './devices.js'
import type { Invitations } from './invitations.js'
import { type Proof, verifyProof } from './proof.js'
import type { Replays } from './replays.js'
import type { Tokens } from './tokens.js'

/** What an invitation code is good for. */
export const REQUEST = 'pairings:request'
/** What the key of a device alone is good for. */
export const TOKEN = 'pairings:token'

/** Who asks to be paired: by which invitation, with which key; `undefined` for anybody else. */
export function invitedBy({ actor, via }: Principal): { invitation: string; thumbprint: string } | undefined {
  const [, invitation, thumbprint] = /^device:(\w{4})\.([\w-]{43})$/.exec(actor.id) ?? []
  return via !== INVITATION || !invitation || !thumbprint ? undefined : { invitation, thumbprint }
}

/** The device that asks for a token; `undefined` for anybody else. */
export function keyHolder({ actor, via }: Principal): string | undefined {
  return via === KEY ? actor.id.slice('device:'.length) : undefined
}

const INVITATION = 'invitation'
const KEY = 'device key'

export interface AuthenticatorParts {
  readonly gate: Pick<Gate, 'actor'>
  readonly invitations: Pick<Invitations, 'find'>
  readonly devices: Pick<Devices, 'get' | 'paired'>
  readonly tokens: Pick<Tokens, 'read'>
  readonly replays: Replays
  readonly now: () => number
}

export function deviceAuthenticators(parts: AuthenticatorParts): readonly Authenticator[] {
  const { gate, invitations, devices, tokens, replays, now } = parts

  const principal = (name: string, scopes: readonly Scope[], via: string): Principal => ({
    // No user of this machine: whoever asks for something from a device does not approve it there as somebody else.
    actor: gate.actor({ id: `device:${name}`, osUser: '' }),
    scopes: new Set(scopes),
    via,
  })
  /** A proof by this key that was not used before. Asked last, so that nobody unknown has anything remembered. */
  const isFresh = async (proof: Proof, thumbprint: string) =>
    sameText(proof.thumbprint, thumbprint) && (await replays.first(proof))

  const proven = async (request: AuthenticationRequest, known: (proof: Proof) => Promise<Principal | undefined>) => {
    const proof = await verifyProof(request, now())
    return proof && (await known(proof))
  }

  return [
    {
      scheme: 'Pairing',
      authenticate: (request) =>
        proven(request, async (proof) => {
          const invitation = await invitations.find(request.credentials)
          if (!invitation || !(await isFresh(proof, proof.thumbprint))) return undefined
          return principal(`${invitation}.${proof.thumbprint}`, [REQUEST], INVITATION)
        }),
    },
    {
      scheme: 'Device',
      authenticate: (request) =>
        proven(request, async (proof) => {
          const device = await devices.get(request.credentials)
          // Whether it is paired is for the route to say: one that waits is told so.
          if (!device || device.state === 'revoked' || !(await isFresh(proof, device.thumbprint))) return undefined
          return principal(device.id, [TOKEN], KEY)
        }),
    },
    {
      scheme: 'DPoP',
      authenticate: (request) =>
        proven(request, async (proof) => {
          const access = await tokens.read(request.credentials)
          // Read from the store for every request: revoked is revoked, in every process.
          const device = access && (await devices.paired(access.device))
          if (!device || !sameText(access.thumbprint, device.thumbprint)) return undefined
          if (!(await isFresh(proof, device.thumbprint))) return undefined
          const scopes = access.scopes.filter((scope) => device.scopes.includes(scope))
          return principal(device.id, scopes, 'device')
        }),
    },
  ]
}
