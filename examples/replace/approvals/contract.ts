// Says what the approvals replace and how their suite gets at them, in a real workspace.
import { approvalsSubject, approvalsSuite, type Replacement } from 'cloned/testing'
import acmeApprovals from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.approvals',
  composition: { plugins: [acmeApprovals], replace: { 'cloned.approvals': 'acme.approvals' } },
  cases: (open) => approvalsSuite(() => approvalsSubject(open)),
}
export default replacement
