// Describes what a run asks a person, as the gate checks it; nothing else.
import type { JsonObject } from 'cloned/kernel'

/** JSON Schema of a `RunQuestion`. */
export const QUESTION: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['run', 'step', 'about', 'message', 'show'],
  properties: {
    run: { type: 'string', maxLength: 100 },
    step: { type: 'string', maxLength: 1000 },
    about: { enum: ['approval', 'repeat'] },
    message: { type: 'string', minLength: 1, maxLength: 4000 },
    show: true,
  },
}
