// Describes the configuration of the gateway; it decides nothing.
import { configSchema } from 'cloned/kernel'

export interface McpConfig {
  /** Whether pipelines are offered as tools. */
  readonly pipelines: boolean
  readonly holdMs: number
  readonly keepAliveMs: number
  readonly pollMs: number
  readonly answerMs: number
  readonly patienceMs: number
  readonly standMs: number
}

const ms = (value: number, description: string) => ({
  type: 'integer',
  minimum: 1,
  maximum: 86_400_000,
  default: value,
  description,
})

export const mcpConfig = configSchema<McpConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    pipelines: { type: 'boolean', default: false, description: 'Offer every pipeline as a tool.' },
    holdMs: ms(
      45_000,
      'How long a call that waits for a person is held where its client shows progress, in milliseconds.',
    ),
    keepAliveMs: ms(5_000, 'Pause between signs of life of a call that is held, in milliseconds.'),
    pollMs: ms(500, 'Pause between looks at a request that waits for a decision, in milliseconds.'),
    answerMs: ms(600_000, 'How long an answer of the client is waited for, in milliseconds.'),
    patienceMs: ms(100, 'How soon a call of a tool that may take long becomes a task, in milliseconds.'),
    standMs: ms(
      600_000,
      'How long a stream over HTTP stands; its client then asks again, and proves again who it is. In milliseconds.',
    ),
  },
})
