// Names what the commands of this plugin work with; types only.
import type { Approvals, Gate } from 'cloned/kernel'
import type { DecisionParts } from './decision.js'

export interface CommandServices extends DecisionParts {
  readonly gate: Gate
  readonly approvals: Approvals | undefined
}
