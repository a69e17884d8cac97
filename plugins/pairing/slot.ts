// Names the devices that may use the API and the service that lists them; interface and token only.
import { slot } from 'cloned/kernel'
import type { Scope } from '../api/slot.js'

/** A device that is paired, was, or asks to be. It acts as `device:<id>`. */
export interface Device {
  /** `dev_` and 12 characters; never used again. */
  readonly id: string
  /** As the device calls itself. */
  readonly name: string
  /** `pending`: no person has approved it yet. A request that nobody approved within a day is gone. */
  readonly state: 'pending' | 'paired' | 'revoked'
  readonly scopes: readonly Scope[]
  /** RFC 7638 thumbprint of its Ed25519 public key. */
  readonly thumbprint: string
  /** What the device shows as well while it is pending: both screens say the same, or it is another device. */
  readonly code: string
  /** Milliseconds since 1970, as the other times. */
  readonly createdAt: number
  readonly pairedAt?: number
  readonly revokedAt?: number
}

export interface Pairings {
  /** Newest first. */
  list(): Promise<readonly Device[]>
  get(id: string): Promise<Device | undefined>
}

export const pairingsSlot = slot<Pairings>('cloned.pairings', { contract: 1 })
