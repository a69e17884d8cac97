// The checks of the doctor over HTTP; it mends nothing.
import type { Contribution } from 'cloned/kernel'
import type { ApiPart } from '../api/slot.js'
import { examine } from './examine.js'
import type { DoctorCheck } from './slot.js'

const ROW = {
  title: 'Check',
  type: 'object',
  required: ['id', 'plugin', 'level', 'message'],
  properties: {
    id: { type: 'string' },
    plugin: { type: 'string' },
    level: { enum: ['ok', 'warn', 'fail', 'skip'] },
    message: { type: 'string' },
    fix: { type: 'string' },
  },
  examples: [{ id: 'audit.chain', plugin: 'cloned.audit', level: 'ok', message: 'the chain is unbroken' }],
} as const

export function doctorPart(checks: () => readonly Contribution<DoctorCheck>[]): ApiPart {
  return {
    tag: 'doctor',
    register(app) {
      app.get('/doctor', {
        schema: {
          operationId: 'runDoctor',
          summary: 'Checks the machine and the workspace, with a fix for every finding',
          response: {
            200: {
              type: 'object',
              required: ['ok', 'checks'],
              properties: { ok: { type: 'boolean' }, checks: { type: 'array', items: ROW } },
            },
          },
        },
        config: { scope: 'workspace:read' },
        handler: async () => {
          const rows = await examine(checks(), { workspaceOpen: true })
          return { ok: rows.every(({ level }) => level !== 'fail'), checks: rows }
        },
      })
    },
  }
}
