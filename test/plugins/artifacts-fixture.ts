// Makes an artifact store with real files and keys over a log in memory, and plays the calls that save into it.
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor, JsonObject } from 'cloned/kernel'
import { openKeys } from 'cloned/plugins/keys'
import { memoryAudit } from 'cloned/testing'
import { gatherProvenance } from '../../plugins/artifacts/provenance.js'
import { saveArtifact } from '../../plugins/artifacts/save.js'
import { createShelf } from '../../plugins/artifacts/shelf.js'
import type { Artifacts, NewArtifact } from '../../plugins/artifacts/slot.js'

export const NOW = Date.parse('2030-01-02T03:04:05.678Z')
export const writer: Actor = { id: 'agent:writer', claimed: true, osUser: 'ada' }
export const run: Actor = { id: 'run:run_1', claimed: false, osUser: 'ada' }
const SHA = 'c'.repeat(64)

export function artifactsWorld() {
  const state = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-artifacts-')))
  const directory = join(state, 'artifacts')
  const audit = memoryAudit()
  const home = join(state, 'home')
  mkdirSync(home)
  const keys = openKeys({ home, workspace: 'w1', marker: join(state, 'keys.json'), now: () => NOW })
  const levers = { now: NOW, workspace: 'w1', maxBytes: 32 * 1024 * 1024, known: {} as JsonObject }
  const shared = { directory: () => directory, workspace: () => levers.workspace, keys, audit }
  let calls = 0

  const actorRecord = (actor: Actor) => ({ id: actor.id, claimed: actor.claimed, os_user: actor.osUser })
  const append = (type: string, callId: string, more: JsonObject) =>
    audit.append({ type, ts: new Date(levers.now).toISOString(), call_id: callId, ...more })

  const begin = async (
    tool: string,
    actor: Actor = run,
    more: JsonObject = {},
  ): Promise<Parameters<Artifacts['save']>[1]> => {
    const callId = `call_${++calls}`
    await append('tool.intent', callId, { target: tool, contract: SHA, actor: actorRecord(actor), ...more })
    return {
      callId,
      actor,
      signal: new AbortController().signal,
      record: (type: string, fields: JsonObject) => append(type, callId, fields),
    }
  }
  const artifacts: Artifacts = {
    ...createShelf(shared),
    save: (artifact, call) =>
      saveArtifact(artifact, call, {
        ...shared,
        provenance: () => gatherProvenance(call, [{ plugin: 'acme.x', item: { describe: () => levers.known } }]),
        maxBytes: levers.maxBytes,
        now: () => levers.now,
      }),
  }
  return {
    state,
    directory,
    audit,
    keys,
    levers,
    artifacts,
    begin,
    /** Records a call that has ended. */
    async call(tool: string, actor: Actor = run, more: JsonObject = {}) {
      const { callId } = await begin(tool, actor, more)
      await append('tool.outcome', callId, { target: tool, contract: SHA, actor: actorRecord(actor), status: 'done' })
      return callId
    },
    /** Saves as the governed tool would. */
    async save(change: Partial<NewArtifact> = {}, actor: Actor = writer) {
      const call = await begin('cloned.internal.artifact.save@v1', actor)
      return artifacts.save({ filename: 'report.md', content: '# Grüße\n', ...change }, call)
    },
    content: (id: string, filename = 'report.md') => join(directory, id, 'content', filename),
    manifest: (id: string) => join(directory, id, 'manifest.sigstore.json'),
    close: () => rmSync(state, { recursive: true, force: true }),
  }
}

export type ArtifactsWorld = ReturnType<typeof artifactsWorld>
