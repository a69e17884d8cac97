// Puts secrets into the environment of a server or the headers of requests to it: those that were approved for it, and no others.
import { beforeSecretUse } from 'cloned/kernel'
import type { BindSecret, FetchInit, SecretSlot } from '../firewall/slot.js'
import type { Vault } from '../vault/slot.js'
import type { Acting, Via } from './link.js'
import type { ServerSpec } from './slot.js'

export interface SecretParts {
  readonly vault: Vault
  /** Id of the workspace. */
  readonly workspace: () => string
}

type Command = Extract<ServerSpec, { kind: 'command' }>
type Url = Extract<ServerSpec, { kind: 'url' }>

/** What scopes of secrets call all tools of a server: its process is one for all of them. */
export function toolsOf(name: string): string {
  return `mcp.${name}.*`
}

/** A program without network is a place on this machine. */
const HERE = ['127.0.0.1']

/** Each secret has to be meant for every host that the program can reach: where it goes is the program's to choose. */
export async function environmentOf(
  name: string,
  { secrets, hosts }: Command,
  ctx: Acting,
  { vault, workspace }: SecretParts,
): Promise<Record<string, string>> {
  const environment: Record<string, string> = {}
  for (const [variable, secret] of Object.entries(secrets)) {
    for (const host of hosts.length === 0 ? HERE : hosts) {
      const found = await vault.resolve(secret, {
        tool: toolsOf(name),
        host: host.replace(/^\*\./, 'any.'),
        slot: `env:${variable}`,
        callId: ctx.callId,
        workspace: workspace(),
        check: (subject) => ctx.check(beforeSecretUse, subject),
      })
      environment[variable] = found.reveal().toString('utf8')
    }
  }
  return environment
}

export function headersWith(
  name: string,
  { headers }: Url,
  { ctx }: Via,
  { vault, workspace }: SecretParts,
): Pick<FetchInit, 'secrets' | 'bind'> {
  const slots = new Map<SecretSlot, string>()
  for (const [header, { secret, format = '{secret}' }] of Object.entries(headers)) {
    slots.set({ secret, in: 'header', name: header }, format)
  }
  if (slots.size === 0) return {}
  const bind: BindSecret = async (slot, { url }) => {
    const { host, protocol } = new URL(url)
    const place = `header:${slot.name}`
    const use = { tool: toolsOf(name), host, slot: place }
    const check: Parameters<Vault['resolve']>[1]['check'] = (subject) => ctx.check(beforeSecretUse, subject)
    const found = await vault.resolve(slot.secret, { ...use, callId: ctx.callId, workspace: workspace(), check })
    const text = vault.bind(found, { ...use, https: protocol === 'https:', egress: [host] })
    return (slots.get(slot) ?? '').replace('{secret}', () => text)
  }
  return { secrets: [...slots.keys()], bind }
}
