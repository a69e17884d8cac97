// Says how runs are stored and reads their rows; a published migration must never change.
import type { Actor, Json, JsonObject } from 'cloned/kernel'
import type { Pipeline } from '../skills/slot.js'
import type { Row, Value } from '../store/slot.js'
import type { RunError, RunState, RunStepState } from './slot.js'

/**
 * `version` rises with every change that somebody may want to see. `epoch` rises whenever a hand takes the run, and a write
 * under an older one is refused. `carriers` are the kernel instances that took the run and did not leave it in order.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `create table runs (
       id text not null primary key,
       pipeline text not null,
       definition text not null,
       inputs text not null,
       actor text not null,
       state text not null,
       version bigint not null,
       output text,
       error text,
       created_at bigint not null,
       ended_at bigint
     )`,
    'create index runs_by_state on runs (state)',
    'create index runs_by_age on runs (created_at, id)',
    `create table run_steps (
       run text not null,
       idx bigint not null,
       id text not null,
       tool text not null,
       state text not null,
       calls text not null,
       instance text,
       approval text,
       output text,
       error text,
       primary key (run, idx)
     )`,
  ],
  [
    'alter table runs add column format bigint not null default 1',
    'alter table runs add column epoch bigint not null default 0',
    'alter table runs add column holder text',
    "alter table runs add column carriers text not null default '[]'",
    'alter table runs add column rerun_of text',
    'create index runs_by_holder on runs (holder) where holder is not null',
    `create table run_nodes (
       run text not null,
       path text not null,
       state text not null,
       calls text not null,
       attempts bigint not null,
       due bigint,
       approval text,
       output text,
       artifact text,
       error text,
       started_at bigint not null,
       ended_at bigint,
       primary key (run, path)
     )`,
    'create table run_syncs (id bigint not null primary key, n bigint not null)',
    `create index run_nodes_by_approval on run_nodes (approval) where approval is not null`,
    `insert into run_nodes (run, path, state, calls, attempts, approval, output, error, started_at)
       select run, id, state, calls, 1, approval, output, error, 0 from run_steps where state <> 'pending'`,
    'drop table run_steps',
  ],
]

/** Form of the definitions that runs are started with now. */
export const FORMAT = 2

/** One step, one item of a loop, or one step inside one of these, as far as it has begun. */
export interface Node {
  /** Ids joined by `/`, items as `[n]`: `check[3]`, `report/save`. */
  readonly path: string
  readonly state: RunStepState
  /** Calls made for it whose end is known, the last one last. */
  readonly calls: readonly string[]
  readonly attempts: number
  /** Not before, or for a wait no later than this; milliseconds since 1970. */
  readonly due?: number
  readonly approval?: string
  readonly output?: Json
  /** The artifact that holds the output instead. */
  readonly artifact?: string
  readonly error?: RunError
  readonly startedAt: number
  readonly endedAt?: number
}

/** A run as it is stored. */
export interface StoredRun {
  readonly id: string
  readonly format: number
  /** The pipeline as it was when the run started. */
  readonly definition: Pipeline
  readonly inputs: JsonObject
  readonly actor: Actor
  readonly state: RunState
  readonly version: number
  readonly epoch: number
  readonly carriers: readonly string[]
  readonly createdAt: number
  readonly endedAt?: number
  readonly rerunOf?: string
  readonly output?: Json
  readonly error?: RunError
  readonly nodes: ReadonlyMap<string, Node>
}

export function runOf(row: Row, nodes: readonly Row[]): StoredRun {
  return {
    id: String(row['id']),
    format: Number(row['format']),
    definition: JSON.parse(String(row['definition'])) as Pipeline,
    inputs: JSON.parse(String(row['inputs'])) as JsonObject,
    actor: JSON.parse(String(row['actor'])) as Actor,
    state: String(row['state']) as RunState,
    version: Number(row['version']),
    epoch: Number(row['epoch']),
    carriers: JSON.parse(String(row['carriers'])) as string[],
    createdAt: Number(row['created_at']),
    ...present('endedAt', row['ended_at'], Number),
    ...present('rerunOf', row['rerun_of'], String),
    ...present('output', row['output'], parse<Json>),
    ...present('error', row['error'], parse<RunError>),
    nodes: new Map(nodes.map(nodeOf).map((node) => [node.path, node])),
  }
}

function nodeOf(row: Row): Node {
  return {
    path: String(row['path']),
    state: String(row['state']) as RunStepState,
    calls: JSON.parse(String(row['calls'])) as string[],
    attempts: Number(row['attempts']),
    startedAt: Number(row['started_at']),
    ...present('endedAt', row['ended_at'], Number),
    ...present('due', row['due'], Number),
    ...present('approval', row['approval'], String),
    ...present('output', row['output'], parse<Json>),
    ...present('artifact', row['artifact'], String),
    ...present('error', row['error'], parse<RunError>),
  }
}

/** JSON as text; nothing as NULL. */
export function text(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

function parse<T>(value: Value): T {
  return JSON.parse(String(value)) as T
}

function present<K extends string, T>(
  key: K,
  value: Value | undefined,
  read: (value: Value) => T,
): { readonly [P in K]?: T } {
  return value === null || value === undefined ? {} : ({ [key]: read(value) } as { readonly [P in K]?: T })
}
