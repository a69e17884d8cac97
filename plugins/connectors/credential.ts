// What putting in a credential needs to know: of the workspace, of the call, of the place; decides nothing.
import type { HandlerContext, Scrubber } from 'cloned/kernel'
import type { Firewall } from '../firewall/slot.js'
import type { PackageTool } from '../package/slot.js'
import type { Secret, Vault } from '../vault/slot.js'
import { Refusal } from './channel.js'

export interface CredentialParts {
  readonly vault: Vault
  readonly firewall: Firewall
  readonly scrubber: Scrubber | undefined
  /** Id of the workspace. */
  readonly workspace: () => string
  /** Name in the vault of a secret that a manifest names. */
  readonly secretName: (connector: string, secret: string) => string
  readonly now: () => number
}

/** The call that a credential is for. */
export interface CredentialCall {
  readonly connector: string
  /** Id of the tool at the gate. */
  readonly toolId: string
  readonly tool: PackageTool
  readonly ctx: HandlerContext
}

/** Resolves a secret for one place of a request to one host, with the votes of the guards. */
export type ResolveSecret = (name: string, host: string, slot: string) => Promise<Secret>

export function refusal(message: string): Refusal {
  return new Refusal(message, { code: 'CONNECTOR_AUTH', effect: 'none' })
}

/** The vault answers text as the place writes it, and the firewall writes it itself. */
export function decoded(place: string, text: string): string {
  if (place.startsWith('query:')) return decodeURIComponent(text)
  if (place.startsWith('form:')) return decodeURIComponent(text.replaceAll('+', ' '))
  if (place.startsWith('json:')) return String(JSON.parse(`"${text}"`))
  return text
}
