// Reads a table of requests with the answers that are expected of the rules; a table that is not right judges nothing.
import { type JsonObject, readYaml } from 'cloned/kernel'
import type { EgressCaller } from '../slot.js'

/** A request and what the rules should answer. */
export interface EgressCase {
  readonly url: string
  readonly method: string
  readonly caller: EgressCaller
  readonly expect: 'allow' | 'deny'
  /** The code of the refusal, where that matters. */
  readonly code?: string
}

interface Entry extends Partial<EgressCaller>, Pick<EgressCase, 'url' | 'expect' | 'code'> {
  readonly method?: string
}

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength })
const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['cases'],
  properties: {
    cases: {
      type: 'array',
      minItems: 1,
      maxItems: 10_000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['url', 'expect'],
        properties: {
          url: text(20_000),
          method: text(20),
          tool: text(200),
          connector: text(200),
          expect: { enum: ['allow', 'deny'] },
          code: text(40),
        },
      },
    },
  },
} as unknown as JsonObject

/** Throws `FILE_INVALID`, and what the file system throws. What a case does not say is as `defaults` have it. */
export function readCases(
  path: string,
  { caller, method }: Pick<EgressCase, 'caller' | 'method'>,
): readonly EgressCase[] {
  const { cases } = readYaml(path, SCHEMA) as unknown as { cases: readonly Entry[] }
  return cases.map(({ tool = caller.tool, connector = caller.connector, ...rest }) => ({
    method,
    ...rest,
    caller: { tool, ...(connector === undefined ? {} : { connector }) },
  }))
}
