// Says what the log replaces and how the suite of audit logs gets at one, on real files in a real workspace.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { auditSubject, auditSuite, type Replacement } from 'cloned/testing'
import acmeAudit from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.audit',
  composition: { plugins: [acmeAudit], replace: { 'cloned.audit': 'acme.audit' } },
  cases: (open) =>
    auditSuite(async () => {
      const workspace = await open()
      return auditSubject(workspace, () => rmSync(join(workspace.root, '.cloned', 'audit.jsonl')))
    }),
}
export default replacement
