// A vault of a third party: owns the vault slot for secrets that are mounted as files; it cannot write, and says so.
import { mkdirSync } from 'node:fs'
import { beforeToolCall, ClonedError, configSchema, definePlugin, isClonedError } from 'cloned/kernel'
import {
  Grants,
  type Holder,
  makeSecret,
  parseTemplate,
  refuseReferences,
  type SecretContext,
  scopeRefusal,
  secretListenersCollection,
  type Vault,
  vaultSlot,
  wipe,
} from 'cloned/plugins/vault'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { type Mounted, MountedSecrets } from './mounted.js'

/** Where the secrets are mounted. */
export interface MountedVaultConfig {
  /** Absolute; `.cloned/mounted` when absent, made when it is missing. */
  readonly directory?: string
}

const config = configSchema<MountedVaultConfig>({
  type: 'object',
  properties: { directory: { type: 'string', pattern: '^(/|[A-Za-z]:[\\\\/])', maxLength: 4096 } },
  additionalProperties: false,
})

/** List it, and say so: `replace: { 'cloned.vault': 'acme.vault' }`. */
export default definePlugin({
  id: 'acme.vault',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Secrets that are mounted as files, with a file beside them that says where each may go.',
  requires: { workspace: workspaceSlot },
  provides: { vault: vaultSlot },
  // The scrubber hears of values through it: without an owner they would leave unseen.
  owns: { listeners: secretListenersCollection },
  taps: [beforeToolCall],
  config,
  setup({ deps: { workspace }, collected, config, hooks, onStart, onStop, log, now }) {
    const directory = () => config.directory ?? workspace.path('mounted')
    const mounted = new MountedSecrets(directory)
    const grants = new Grants({ now, plaintextLoopback: false })
    const given = new Map<string, { readonly version: string; readonly holder: Holder }>()
    onStart(() => void mkdirSync(directory(), { recursive: true, mode: 0o700 }))
    onStop(() => {
      for (const { holder } of given.values()) wipe(holder)
      given.clear()
    })
    hooks.guard(beforeToolCall, refuseReferences)

    /** The secret, or why it is not given out: for the diagnostics alone. */
    async function allowed(name: string, context: SecretContext): Promise<Mounted | string> {
      if (context.workspace !== workspace.config.id) return 'it is asked for by another workspace'
      const found = mounted.read(name)
      if (!found) return 'there is none of that name'
      const outside = scopeRefusal(found.info, context, now())
      if (outside !== undefined) return outside
      const { host, slot } = context
      const answer = await context.check({ secret: name, host, slot })
      return answer?.allowed === true ? found : 'the guards deny it'
    }

    function held({ info: { name, version }, value }: Mounted): Holder {
      const known = given.get(name)
      if (known?.version === version) {
        value.fill(0)
        return known.holder
      }
      const holder: Holder = { value, wiped: false }
      const secret = makeSecret(name, version, holder)
      for (const { item } of collected.listeners()) item.resolved(secret)
      given.set(name, { version, holder })
      return holder
    }

    const readOnly = async (what: string, value?: Buffer): Promise<never> => {
      value?.fill(0)
      throw new ClonedError('VAULT_UNSUPPORTED', { provider: 'mounted', what })
    }
    const vault: Vault = {
      describe: async () => ({ provider: 'mounted', where: mounted.where, list: true, write: false, scopes: true }),
      async resolve(name, context) {
        const found = await allowed(name, context).catch((cause: unknown) => {
          // Its text may quote a file.
          const problem = isClonedError(cause) ? cause.code : 'a file cannot be read'
          throw new ClonedError('VAULT_PROVIDER_FAILED', { provider: 'mounted', problem }, { cause })
        })
        if (typeof found === 'string') {
          log.info('a secret was not given out', { secret: name.slice(0, 64), why: found, call: context.callId })
          throw new ClonedError('SECRET_DENIED', { name: name.slice(0, 64) })
        }
        const secret = makeSecret(name, found.info.version, held(found))
        grants.grant(secret, found.info, context)
        return secret
      },
      bind: (secret, use) => grants.bind(secret, use),
      template: parseTemplate,
      async fill({ parts }, context, use) {
        const { tool, host, slot } = context
        const texts: string[] = []
        for (const part of parts) {
          if (typeof part === 'string') texts.push(part)
          else texts.push(vault.bind(await vault.resolve(part.secret, context), { ...use, tool, host, slot }))
        }
        return texts.join('')
      },
      put: (_, value) => readOnly('be written', value),
      rotate: (_, value) => readOnly('be written', value),
      disable: () => readOnly('be written'),
      remove: () => readOnly('be written'),
      info: async (name) => mounted.read(name)?.info,
      list: async () => mounted.names().flatMap((name) => mounted.read(name)?.info ?? []),
      async health() {
        const { length } = await vault.list()
        return { ok: true, detail: `${length} secret(s) in ${mounted.where}` }
      },
    }
    return { vault }
  },
})
