// Names the event feed and the list of what plugins may say in it; interfaces and tokens only.
import { collection, type JsonObject, slot } from 'cloned/kernel'
import type { Statement } from '../store/slot.js'

/** Something that has happened, as a plugin says it. */
export interface NewEvent {
  /** One that the plugin declares in {@link eventTypesCollection}. */
  readonly type: string
  /** What it happened to: the id of a run, of a request. At most 256 characters. */
  readonly subject?: string
  /** At most 16 KiB as JSON. Secrets that this process has used are taken out. */
  readonly data: JsonObject
}

/** An event as it stands in the feed. */
export interface FeedEvent {
  /** Its place and its id: higher than that of every event before it, of earlier feeds of the workspace too. */
  readonly seq: number
  readonly type: string
  readonly subject?: string
  /** The CloudEvents 1.0 envelope as JSON, by `schemas/event.schema.json`. */
  readonly text: string
}

/** Which events. */
export interface EventFilter {
  /** Beginnings of types: `approval.`, `run.done`; all types when absent or empty. */
  readonly types?: readonly string[]
  readonly subject?: string
}

export interface EventQuery extends EventFilter {
  /** Only events with a higher number. */
  readonly after: number
  /** How many at most, from 1 to 1,000. */
  readonly limit: number
}

export interface EventPage {
  /** Oldest first. */
  readonly events: readonly FeedEvent[]
  /** Everything up to here has been looked at, whether it matched or not: what to pass as `after` next. */
  readonly next: number
}

/**
 * The one ordered feed of a workspace: every audit record as sequence, type and hash, and what plugins say. It keeps the
 * newest events only, by number and age. Its methods work from `onStart` on and throw the `STORE_` codes.
 */
export interface Events {
  /**
   * The statement that puts an event into the feed. A plugin adds it to the batch of the change that it tells of: both are
   * then durable, or neither. Throws `EVENT_REFUSED` for an event that was not declared, is too large, or is no JSON.
   */
  statement(event: NewEvent): Statement
  /**
   * Takes in what the audit log and the plugins of every process have said so far. However many do so at once, nothing is
   * taken in twice, and none of them fails for it.
   */
  takeIn(): Promise<void>
  /** The oldest event that is kept and the newest; `first` is `last + 1` where none is kept. */
  range(): Promise<{ readonly first: number; readonly last: number }>
  /** Events that were taken in. */
  read(query: EventQuery): Promise<EventPage>
  /** Events after `after`, as they happen in any process, until `signal` aborts; a page at a time, never an empty one. */
  follow(filter: EventFilter & { readonly after: number }, signal: AbortSignal): AsyncGenerator<EventPage, void, void>
}

export const eventsSlot = slot<Events>('cloned.events', { contract: 1 })

/** A kind of event that a plugin may put into the feed. */
export interface EventType {
  /** Dotted lower case. Begins with the plugin's own id (`acme.kms.key-rotated`); those of `cloned.` choose freely. */
  readonly type: string
  /** One sentence without a full stop. */
  readonly summary: string
}

export const eventTypesCollection = collection<EventType>('cloned.event-types', { contract: 1 })
