// Owns the scrubber and guards inputs with it; an action whose input holds a secret must never run.
import { auditSlot, beforeAction, ClonedError, configSchema, definePlugin, deny, scrubberSlot } from 'cloned/kernel'
import { secretListenersCollection } from '../vault/slot.js'
import { createHitLog } from './hits.js'
import { createScrubber } from './scrubber.js'

export { createScrubber, type Found, type Hits, type Scanner } from './scrubber.js'

const ID = 'cloned.scrub'
/** The sinks of what an action answers. A log line or a record that was blocked would hide what happened. */
const ANSWERS: ReadonlySet<string> = new Set(['output', 'error', 'progress'])

/** What happens with the answer of an action that holds a secret. */
export interface ScrubConfig {
  /** `redact` (default): it is released with markers in the place of secrets. `block`: it is withheld. */
  readonly onHit: 'redact' | 'block'
}

const config = configSchema<ScrubConfig>({
  type: 'object',
  additionalProperties: false,
  properties: { onHit: { enum: ['redact', 'block'], default: 'redact' } },
})

/** Takes secrets out of whatever leaves the process, and stops actions whose input holds one. */
export const scrubPlugin = definePlugin({
  id: ID,
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps the secrets that were used out of results, errors, records and logs.',
  requires: { audit: auditSlot },
  provides: { scrubber: scrubberSlot },
  contributes: { listeners: secretListenersCollection },
  taps: [beforeAction],
  config,
  setup({ deps, config, hooks, onStop, log, now }) {
    const hitLog = createHitLog(deps.audit, now, log)
    const scrubber = createScrubber((found, hits) => {
      hitLog.add(found, hits)
      if (config.onHit === 'redact' || !ANSWERS.has(found.sink)) return
      throw new ClonedError('RESULT_WITHHELD', { plugin: ID, reason: 'it holds the value of a secret' })
    })
    hooks.guard(beforeAction, ({ input }) => {
      const names = scrubber.names(input)
      if (names.length === 0) return undefined
      const quoted = names.map((name) => `"${name}"`).join(', ')
      const { message, code, help } = new ClonedError('SECRET_IN_INPUT', { names: quoted, first: names[0] ?? '' })
      return deny(message, { code, help })
    })
    onStop(() => hitLog.settled())
    return {
      scrubber,
      listeners: [{ resolved: ({ name, reveal }) => scrubber.register(name, reveal()) }],
    }
  },
})
