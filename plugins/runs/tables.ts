// Says how runs are stored and reads their rows; a published migration must never change.
import type { Actor, Json, JsonObject } from 'cloned/kernel'
import type { Pipeline } from '../skills/slot.js'
import type { Row, Value } from '../store/slot.js'
import type { Run, RunError, RunState, RunStep, RunStepState } from './slot.js'

/** `version` rises with every change of a run or its steps, so that two writers cannot both move it. */
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
]

/** A step with what only the engine needs. */
export interface StoredStep extends RunStep {
  /** Every call made for this step whose end is known. */
  readonly calls: readonly string[]
  /** The kernel instance that dispatched it last; absent when that was not known. */
  readonly instance?: string
}

/** A run with what only the engine needs. */
export interface StoredRun extends Run {
  readonly version: number
  /** The pipeline as it was when the run started. */
  readonly definition: Pipeline
  readonly steps: readonly StoredStep[]
}

export function runOf(row: Row, steps: readonly Row[]): StoredRun {
  const definition = JSON.parse(String(row['definition'])) as Pipeline
  return {
    id: String(row['id']),
    pipeline: String(row['pipeline']),
    pipelineDigest: definition.digest,
    state: String(row['state']) as RunState,
    inputs: JSON.parse(String(row['inputs'])) as JsonObject,
    actor: JSON.parse(String(row['actor'])) as Actor,
    createdAt: Number(row['created_at']),
    version: Number(row['version']),
    definition,
    steps: steps.map(stepOf),
    ...present('endedAt', row['ended_at'] === null ? undefined : Number(row['ended_at'])),
    ...present('output', parse<Json>(row['output'])),
    ...present('error', parse<RunError>(row['error'])),
  }
}

function stepOf(row: Row): StoredStep {
  const calls = JSON.parse(String(row['calls'])) as string[]
  return {
    id: String(row['id']),
    tool: String(row['tool']),
    state: String(row['state']) as RunStepState,
    calls,
    ...present('callId', calls.at(-1)),
    ...present('instance', row['instance'] === null ? undefined : String(row['instance'])),
    ...present('approval', row['approval'] === null ? undefined : String(row['approval'])),
    ...present('output', parse<Json>(row['output'])),
    ...present('error', parse<RunError>(row['error'])),
  }
}

/** The public part of a run. */
export function publicRun(run: StoredRun): Run {
  const { version: _, definition: __, steps, ...rest } = run
  return { ...rest, steps: steps.map(({ calls: _calls, instance: _instance, ...step }) => step) }
}

/** JSON as text; nothing as NULL. */
export function text(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

function parse<T>(value: Value | undefined): T | undefined {
  return value === null || value === undefined ? undefined : (JSON.parse(String(value)) as T)
}

function present<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: T })
}
