// Takes in a device that was invited: it then waits for a person, and can do nothing until then.
import { type AuditLog, ClonedError } from 'cloned/kernel'
import type { Scope } from '../api/slot.js'
import { type Devices, newDevice } from './devices.js'
import type { Device } from './slot.js'
import { LIFETIME_S, type Tokens } from './tokens.js'

export interface EnrolParts {
  readonly devices: Pick<Devices, 'enrol' | 'knows' | 'get' | 'paired'>
  readonly tokens: Pick<Tokens, 'issue'>
  readonly scopesOf: (invitation: string) => Promise<readonly Scope[] | undefined>
  readonly audit: Pick<AuditLog, 'append'>
  readonly now: () => number
}

/** What a device asks for. */
export interface Wish {
  readonly name: string
  /** Of those of the invitation; all of them when absent. */
  readonly scopes?: readonly Scope[]
}

export interface Enrolment {
  /** Throws `PAIRING_REFUSED`. */
  begin(invited: { invitation: string; thumbprint: string }, wish: Wish): Promise<Device>
  /** A new access token, good for {@link LIFETIME_S}. Throws `PAIRING_PENDING`, `PAIRING_UNKNOWN`. */
  token(id: string): Promise<{ readonly token: string; readonly device: Device }>
}

export function createEnrolment({ devices, tokens, scopesOf, audit, now }: EnrolParts): Enrolment {
  const refused = (problem: string) => new ClonedError('PAIRING_REFUSED', { problem })
  return {
    async begin({ invitation, thumbprint }, { name, scopes: wished }) {
      const allowed = await scopesOf(invitation)
      if (!allowed) throw refused('the invitation was used or has expired')
      const scopes = wished ?? allowed
      const more = scopes.filter((scope) => !allowed.includes(scope))
      if (more.length > 0) throw refused(`the invitation is not for ${more.join(', ')}`)
      // A key that was revoked stays out, whoever invites it.
      if (await devices.knows(thumbprint)) throw refused('this key belongs to a device that was here before')
      const device = newDevice({ name, thumbprint, scopes }, now())
      const { id } = device
      const ts = new Date(device.createdAt).toISOString()
      await audit.append({ type: 'pairing.requested', ts, device: id, name, thumbprint, scopes, invitation })
      if (!(await devices.enrol(device, invitation))) throw refused('the invitation was used meanwhile')
      return device
    },
    async token(id) {
      const device = await devices.paired(id)
      if (!device) {
        if ((await devices.get(id))?.state === 'pending') throw new ClonedError('PAIRING_PENDING', { device: id })
        throw new ClonedError('PAIRING_UNKNOWN', { device: id })
      }
      const [ts, expires] = [now(), now() + LIFETIME_S * 1000].map((at) => new Date(at).toISOString())
      await audit.append({ type: 'pairing.token', ts: ts ?? '', device: id, expires_at: expires ?? '' })
      return { token: await tokens.issue(device), device }
    },
  }
}
