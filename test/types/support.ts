// The tokens and the fields that the type tests share; compiled, never run.
import { actionKind, collection, configSchema, defineHook, slot } from 'cloned/kernel'

export interface Clock {
  now(): number
}
export interface Mailer {
  send(to: string): Promise<void>
}
export interface Check {
  readonly name: string
}

export const clockSlot = slot<Clock, 'test.clock'>('test.clock', { contract: 1 })
export const mailerSlot = slot<Mailer, 'test.mailer'>('test.mailer', { contract: 1 })
export const checks = collection<Check, 'test.checks'>('test.checks', { contract: 1 })

export interface Config {
  readonly hosts: readonly string[]
}
export const config = configSchema<Config>({ type: 'object' })

export const basics = { id: 'test.types', version: '1.0.0', kernel: '^0.1.0' } as const

export const beforeLaunch = defineHook.guard<{ readonly rocket: string }, 'beforeLaunch'>('beforeLaunch')
export const launch = actionKind<{ readonly rocket: string }, { readonly height: number }, 'test.launch'>({
  id: 'test.launch',
  contract: 1,
  record: 'launch',
  onApproval: 'caller',
  guard: beforeLaunch,
})
