// The default distribution as a company runs it: its own vault, sinks, channels, guards and routes; it weakens nothing.
import { defaultDistribution } from 'cloned'
import { approvalsWebhook } from './approvals-webhook.js'
import { auditCopy } from './audit-copy.js'
import { leakGuard } from './leak-guard.js'
import { reportRoutes } from './report-routes.js'

/** Secrets live in OpenBao: the other places for them are not even in the build's reach. */
const OTHER_VAULTS = [
  'cloned.vault-file',
  'cloned.vault-env',
  'cloned.vault-command',
  'cloned.vault-keychain',
  'cloned.vault-azure',
]

export default {
  ...defaultDistribution({
    plugins: [auditCopy, approvalsWebhook, leakGuard, reportRoutes],
    omit: [...OTHER_VAULTS, 'cloned.quickstart', 'cloned.builder', 'cloned.plugin-kit'],
    wrap: { 'cloned.audit': ['acme.audit-copy'] },
    requireGuards: { beforeToolCall: ['acme.leak-guard'] },
  }),
  name: 'acme-enterprise',
  version: '3.1.0',
}
