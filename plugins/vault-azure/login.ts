// Gets access tokens for Azure Key Vault from Microsoft Entra; credentials must never go anywhere but to its login host.
import { ClonedError, readPrivateFile } from 'cloned/kernel'
import type { OutboundClient } from '../outbound/slot.js'
import type { AzureConfig } from './config.js'

/** Answers a token that is good for a minute at least. `fresh` asks for a new one whatever is remembered. */
export type Login = (fresh: boolean) => Promise<string>

export interface LoginParts {
  readonly outbound: OutboundClient
  readonly environment: (variable: string) => string | undefined
  readonly now: () => number
  /** Hears of credentials and tokens before they are sent, to keep them from leaving otherwise. */
  readonly known: (name: string, value: Buffer) => void
}

export function azureFailed(problem: string): ClonedError {
  return new ClonedError('VAULT_PROVIDER_FAILED', { provider: 'azure', problem })
}

/** Where credentials go. */
export function loginOrigin({ login_host: host = 'login.microsoftonline.com' }: AzureConfig): string {
  return `https://${host}`
}

export function createLogin(config: AzureConfig, { outbound, environment, now, known: hear }: LoginParts): Login {
  const { tenant, client_id: clientId } = config
  const origin = loginOrigin(config)
  let known: { token: string; until: number } | undefined
  return async (fresh) => {
    if (known && !fresh && known.until - now() > 60_000) return known.token
    const { vault_domain: domain = 'vault.azure.net' } = config
    const proven = proof(config, environment)
    for (const sent of [proven['client_secret'], proven['client_assertion']]) {
      if (sent !== undefined) hear('azure-credential', Buffer.from(sent))
    }
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      scope: `https://${domain}/.default`,
      ...proven,
    })
    const { status, body } = await outbound.send({
      method: 'POST',
      url: `${origin}/${tenant}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    })
    if (status !== 200) throw azureFailed(`the login was refused with status ${status}`)
    known = tokenOf(body, now())
    hear('azure-token', Buffer.from(known.token))
    return known.token
  }
}

/** A client secret, or the assertion that a workload was given in a file. */
function proof({ credential }: AzureConfig, environment: LoginParts['environment']): Record<string, string> {
  if ('secret_env' in credential) {
    const secret = environment(credential.secret_env)
    if (secret === undefined) throw azureFailed(`the variable ${credential.secret_env} is not set`)
    return { client_secret: secret }
  }
  const bytes = readPrivateFile(credential.assertion_file, { maxBytes: 64 * 1024 })
  if (!bytes) throw azureFailed(`there is no file ${credential.assertion_file}`)
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: bytes.toString('utf8').trim(),
  }
}

function tokenOf(body: Buffer, now: number): { token: string; until: number } {
  let answer: { access_token?: unknown; expires_in?: unknown }
  try {
    answer = JSON.parse(body.toString('utf8')) as typeof answer
  } catch {
    // The parser's message quotes what it read, which may be a token.
    throw azureFailed('the answer of the login is not JSON')
  }
  const { access_token: token, expires_in: seconds } = answer
  if (typeof token !== 'string' || typeof seconds !== 'number') throw azureFailed('the login answered no token')
  return { token, until: now + seconds * 1000 }
}
