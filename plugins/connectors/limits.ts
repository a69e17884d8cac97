// The limits of workers; the words of whoever configures them, with what holds when nobody does.
import { configSchema } from 'cloned/kernel'

/** Times in milliseconds. */
export interface ConnectorsConfig {
  /** Until a started worker must have agreed on the protocol. */
  readonly startMs: number
  /** Without a call for so long, a worker is ended; the next call starts another one. */
  readonly idleMs: number
  /** What a worker has to answer a cancelled call, and to end when it is told to. */
  readonly graceMs: number
  /** Calls of one connector that run at once; more wait. */
  readonly concurrency: number
  /** Requests that one call may ask the host for, refused ones included. */
  readonly requests: number
  /** Names in the vault by connector id and the name of the secret in its manifest. */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const positive = (value: number, maximum: number) => ({ type: 'integer', minimum: 1, maximum, default: value })

export const connectorsConfig = configSchema<ConnectorsConfig>({
  type: 'object',
  properties: {
    startMs: positive(10_000, 120_000),
    idleMs: positive(60_000, 3_600_000),
    graceMs: positive(2_000, 60_000),
    concurrency: positive(16, 1_000),
    requests: positive(1_000, 1_000_000),
    secrets: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'object', additionalProperties: { type: 'string', maxLength: 64 } },
    },
  },
  additionalProperties: false,
})

/** Requests of one worker that the host works on at once; its output is not read meanwhile. */
export const MAX_REQUESTS = 32
/** Notices (progress, log) and requests that a worker may send in a second. */
export const MAX_MESSAGES = 2_000
/** Bytes that may wait to be read by a worker before it gets no more calls, and no answers. */
export const MAX_UNREAD = 64 * 1024 * 1024
/** Characters of what a worker says of itself that an error or a record quotes. */
export const MAX_WORDS = 2_000
/** How often it is looked whether a worker that is at work may still run. */
export const LOOK_MS = 1_000
/** What is kept of a line on standard error, and how many lines are passed on in a minute. */
export const MAX_ERROR_LINE = 4_096
export const MAX_ERROR_LINES = 200
