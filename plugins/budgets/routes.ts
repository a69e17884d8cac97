// The budgets over HTTP; reads only.
import type { ApiPart } from '../api/slot.js'
import { jsonOf } from './command.js'
import type { Budgets } from './slot.js'

const BUDGET = {
  title: 'Budget',
  type: 'object',
  required: ['category', 'limit', 'used', 'window_ms', 'window_start', 'window_end'],
  properties: {
    category: { type: 'string', examples: ['calls'] },
    tools: { type: 'array', items: { type: 'string' }, description: 'Patterns; all tools without.' },
    limit: { type: 'number' },
    used: { type: 'number' },
    window_ms: { type: 'integer' },
    window_start: { type: 'string', format: 'date-time' },
    window_end: { type: 'string', format: 'date-time' },
  },
} as const

export function budgetsPart(budgets: Budgets): ApiPart {
  return {
    tag: 'budgets',
    register(app) {
      app.get('/budgets', {
        schema: {
          operationId: 'listBudgets',
          summary: 'What is used and left of each budget in its present window',
          response: {
            200: { type: 'object', required: ['budgets'], properties: { budgets: { type: 'array', items: BUDGET } } },
          },
        },
        config: { scope: 'budgets:read' },
        handler: async () => ({ budgets: (await budgets.usage()).map(jsonOf) }),
      })
    },
  }
}
