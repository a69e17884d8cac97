// A trust store of a third party: whose signatures count is what an administrator put down; nobody here can change it.
import { configSchema, definePlugin, describeThrown, type Json } from 'cloned/kernel'
import { type Command, commandsCollection } from 'cloned/plugins/cli'
import { type DoctorCheck, doctorChecksCollection } from 'cloned/plugins/doctor'
import { createTrust, type Trust, trustSlot } from 'cloned/plugins/trust'
import { TrustBundle } from './bundle.js'

/** Where the documents are. */
export interface TrustBundleConfig {
  /** Absolute, and not inside a workspace. Nobody is trusted when it is absent. */
  readonly directory?: string
}

const config = configSchema<TrustBundleConfig>({
  type: 'object',
  properties: { directory: { type: 'string', pattern: '^(/|[A-Za-z]:[\\\\/])', maxLength: 4096 } },
  additionalProperties: false,
})

/** List it, and say so: `replace: { 'cloned.trust': 'acme.trust' }`. */
export default definePlugin({
  id: 'acme.trust',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Publishers and revocations from one directory that an administrator keeps; always strict.',
  provides: { trust: trustSlot },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection },
  config,
  setup({ config: { directory }, now, log }) {
    const bundle = new TrustBundle(directory)
    const trust = createTrust({ states: () => bundle, now, log })
    return { trust, commands: [listCommand(trust)], checks: [bundleCheck(bundle)] }
  },
})

/** There are no others: a change of the bundle is a matter between the administrator and the directory. */
function listCommand(trust: Pick<Trust, 'publishers'>): Command {
  return {
    name: 'trust list',
    summary: 'Show whose signatures count here',
    examples: ['cloned trust list'],
    needs: 'workspace',
    async run({ printable }) {
      const publishers = await trust.publishers()
      const lines = publishers.map(({ id, name, namespaces }) => `${id} (${name}): ${namespaces.join(', ')}`)
      return { json: { publishers: publishers as unknown as Json }, text: printable(lines.join('\n'), { lines: true }) }
    },
  }
}

function bundleCheck(bundle: TrustBundle): DoctorCheck {
  return {
    id: 'trust.bundle',
    async run() {
      try {
        const { publishers } = await bundle.current()
        return { level: 'ok', message: `${publishers.size} publisher(s) are trusted` }
      } catch (error) {
        return { level: 'fail', message: describeThrown(error), fix: 'Ask whoever keeps the trust bundle' }
      }
    },
  }
}
