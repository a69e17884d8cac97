// The default distribution for a machine where nobody can be asked: what would ask is denied, at once.
import { defaultDistribution } from 'cloned'
import { branchGuard } from './branch-guard.js'

/** Without the approvals plugin an ask is a denial. The rest is what nobody on such a machine uses. */
const OMITTED = [
  'cloned.approvals',
  'cloned.approvals-command',
  'cloned.api',
  'cloned.pairing',
  'cloned.webhooks',
  'cloned.vault-keychain',
  'cloned.quickstart',
  'cloned.builder',
  'cloned.plugin-kit',
]

export default {
  ...defaultDistribution({
    plugins: [branchGuard],
    omit: OMITTED,
    requireGuards: { beforeToolCall: ['acme.branch-guard'] },
  }),
  name: 'acme-ci',
  version: '1.0.0',
}
