// The limits of wrapped servers; the words of whoever configures them, with what holds when nobody does.
import { configSchema } from 'cloned/kernel'

/** Times in milliseconds. */
export interface UpstreamConfig {
  /** Until a started server must have answered who it is. */
  readonly startMs: number
  /** Without a call for so long, a server is ended; the next call starts another one. */
  readonly idleMs: number
  /** What a server has to end by itself when it is told to. */
  readonly graceMs: number
  /** How long a call may take, whoever is asked something meanwhile. */
  readonly callMs: number
  /** How long a list of tools is relied on while its server says nothing of a change. */
  readonly relistMs: number
  /** Calls of one server that run at once; more wait. */
  readonly concurrency: number
  /** A larger result is saved as an artifact, and its beginning passed on. */
  readonly resultBytes: number
}

const number = (value: number, maximum: number) => ({ type: 'integer', minimum: 1, maximum, default: value })

export const upstreamConfig = configSchema<UpstreamConfig>({
  type: 'object',
  properties: {
    startMs: number(30_000, 110_000),
    idleMs: number(600_000, 86_400_000),
    graceMs: number(2_000, 60_000),
    callMs: number(600_000, 86_400_000),
    relistMs: number(30_000, 3_600_000),
    concurrency: number(32, 1_000),
    resultBytes: number(256 * 1024, 8 * 1024 * 1024),
  },
  additionalProperties: false,
})
