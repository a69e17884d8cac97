// Makes, reads and compares the codes that people carry between two screens; no comparison may take a time that tells anything.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Crockford's: no letter that reads like a digit. 32 symbols, so that a byte modulo 32 has no bias. */
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** Symbols of an invitation code that only find the invitation; the other eight (40 bits) are the secret. */
const NAME = 4
const CODE = /^[0-9A-HJKMNP-TV-Z]{12}$/

/** The two parts of an invitation code. */
export interface InvitationCode {
  readonly id: string
  readonly secret: string
}

export function newInvitationCode(): InvitationCode & { readonly text: string } {
  const text = symbols(randomBytes(12))
  return { ...split(text), text: grouped(text) }
}

/** Reads a code as a person types it: any case, with or without hyphens, `O` for zero; `undefined` for anything else. */
export function readInvitationCode(text: string): InvitationCode | undefined {
  const plain = plainly(text)
  return CODE.test(plain) ? split(plain) : undefined
}

/**
 * What both screens show: eight symbols over the key of the device and the id that it was given. The device computes it
 * from its own key, so that one that has come in between with another key shows another code.
 */
export function comparisonCode(thumbprint: string, id: string): string {
  const hash = createHash('sha256').update(`cloned.pairing.v1\n${thumbprint}\n${id}`).digest()
  return grouped(symbols(hash.subarray(0, 8)))
}

/** Whether a person typed this code. */
export function isCode(typed: string, wanted: string): boolean {
  return sameText(plainly(typed), plainly(wanted))
}

/** Takes the same time wherever two texts differ. Their lengths are no secret. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** `dev_k3v7q2m4x5zt` */
export function newDeviceId(): string {
  return `dev_${symbols(randomBytes(12)).toLowerCase()}`
}

function symbols(bytes: Uint8Array): string {
  return [...bytes].map((byte) => SYMBOLS[byte % 32]).join('')
}

function split(plain: string): InvitationCode {
  return { id: plain.slice(0, NAME), secret: plain.slice(NAME) }
}

function grouped(plain: string): string {
  return plain.replace(/(.{4})(?=.)/g, '$1-')
}

function plainly(text: string): string {
  return text.toUpperCase().replaceAll('-', '').replace(/[IL]/g, '1').replaceAll('O', '0')
}
