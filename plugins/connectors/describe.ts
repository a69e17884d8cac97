// Asks the code of a connector what it is, for a manifest; the code runs confined, as everybody's does.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError, describeThrown, isClonedError } from 'cloned/kernel'
import type { ManifestDraft, ManifestSource, PackageRuntime } from '../package/slot.js'
import type { Sandbox } from '../sandbox/slot.js'
import { programOf } from './program.js'
import type { WorkerParts } from './worker.js'
import { Worker } from './worker.js'

const MAX_BYTES = 1024 * 1024

type NodeRuntime = Extract<PackageRuntime, { kind: 'node' }>

/** What package.json says under `cloned`. */
interface Described {
  /** The file that serves the connector. */
  readonly connector: string
  /** What goes into the package; everything when absent. */
  readonly include?: readonly string[]
  readonly node_range?: string
}

export interface DescribeParts extends WorkerParts {
  readonly sandbox: Sandbox
}

/** Reads the draft of a directory whose package.json names the file that serves the connector. */
export function manifestSource(parts: DescribeParts): ManifestSource {
  return { describe: (directory) => describe(directory, parts) }
}

async function describe(directory: string, parts: DescribeParts): Promise<ManifestDraft | undefined> {
  const described = read(directory)
  if (!described) return undefined
  const { connector: entry, include, node_range } = described
  const runtime: NodeRuntime = { kind: 'node', entry, ...(node_range === undefined ? {} : { node_range }) }
  const process = await parts.sandbox.confine(programOf(`source:${directory}`, directory, runtime))
  const worker = new Worker(`source:${directory}`, process, parts)
  try {
    const draft = (await worker.ask('describe', {})) as ManifestDraft
    return { ...draft, runtime, ...(include === undefined ? {} : { include }) }
  } catch (error) {
    throw ofSource(error, directory)
  } finally {
    worker.kill()
    await worker.ended
  }
}

/** The error for whoever wrote the source: its publisher is the one who reads it. */
export function ofSource(error: unknown, directory: string): unknown {
  if (!isClonedError(error) || error.code !== 'CONNECTOR_PROTOCOL') return error
  const { problem } = (error as ClonedError<'CONNECTOR_PROTOCOL'>).params
  return new ClonedError('CONNECTOR_DESCRIBE', { directory, problem }, { cause: error })
}

function read(directory: string): Described | undefined {
  const path = join(directory, 'package.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (text.length > MAX_BYTES) throw invalid(path, 'it is too large')
  let value: { cloned?: { connector?: unknown; include?: unknown; node_range?: unknown } } | null
  try {
    value = JSON.parse(text) as typeof value
  } catch (cause) {
    throw invalid(path, describeThrown(cause))
  }
  const { connector, include, node_range } = value?.cloned ?? {}
  if (connector === undefined) return undefined
  if (typeof connector !== 'string' || connector.startsWith('/') || connector.split('/').includes('..')) {
    throw invalid(path, 'cloned.connector is not the path of a file beside it')
  }
  if (include !== undefined && !(Array.isArray(include) && include.every((each) => typeof each === 'string'))) {
    throw invalid(path, 'cloned.include is not a list of paths')
  }
  return {
    connector,
    ...(include === undefined ? {} : { include: include as string[] }),
    ...(typeof node_range === 'string' ? { node_range } : {}),
  }
}

function invalid(path: string, problem: string): ClonedError {
  return new ClonedError('CONNECTOR_SOURCE', { path, problem })
}
