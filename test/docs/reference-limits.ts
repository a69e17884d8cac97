// The page of the limits that a distribution may set, with what they bound and their defaults.
import { defaultDistribution } from 'cloned'
import { DEFAULT_LIMITS, type Limits } from 'cloned/kernel'
import { code, HEAD, table } from './markdown.js'

const BOUNDS: Readonly<Record<keyof Limits, string>> = {
  guardMs: 'one vote of a guard',
  transformMs: 'one transform, before the call or on a result',
  checkMs: 'one vote of a check',
  reserveMs: 'one take, peek or settlement of a reserve',
  notifyMs: 'one delivery of an approval request',
  observeMs: 'one observer',
  recordMs: 'making one audit record durable',
  approvalsMs: 'one answer of the approvals service',
  startMs: "one plugin's start step",
  drainMs: "one plugin's drain step",
  stopMs: "one plugin's stop step",
  depth: 'nested actions; 0 is the outermost',
  input: 'the input of an action',
  output: 'the output of an action, and one progress message',
}

export function limitsPage(): string {
  const limits: Limits = { ...DEFAULT_LIMITS, ...defaultDistribution().limits }
  const rows = Object.entries(BOUNDS).map(([key, bounds]) => {
    const name = key as keyof Limits
    return [code(name), bounds, word(DEFAULT_LIMITS[name]), word(limits[name])]
  })
  return `# Limits\n\n${HEAD}Set them with \`limits\` in the distribution; what it leaves out is the kernel's. Names that end in Ms are milliseconds. A tool has its own time limit, \`timeoutMs\` in its contract.\n\n${table(['limit', 'what it bounds', 'kernel', 'default distribution'], rows)}`
}

function word(value: Limits[keyof Limits]): string {
  return typeof value === 'number' ? String(value) : `${value.depth} levels, ${value.bytes} bytes`
}
