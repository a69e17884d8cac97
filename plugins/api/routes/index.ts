// Lists the routes of the API itself: those of the gate and of the server; other plugins bring their own.
import type { Approvals, Gate, Json } from 'cloned/kernel'
import type { Workspace } from '../../workspace/slot.js'
import type { Metrics } from '../metrics.js'
import { patience } from '../patience.js'
import type { ApiPart } from '../slot.js'
import { serverPart } from './server.js'
import { toolsPart } from './tools.js'

export function ownParts(deps: {
  readonly gate: Gate
  readonly workspace: Workspace
  readonly approvals: Pick<Approvals, 'get'> | undefined
  readonly document: () => Promise<Json>
  readonly metrics: Metrics
}): readonly ApiPart[] {
  return [serverPart(deps), toolsPart(deps.gate, deps.approvals, patience(deps.gate, deps.approvals))]
}
