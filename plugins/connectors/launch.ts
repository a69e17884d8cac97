// Starts the worker of a package: verified first, then confined, then agreed with; whatever fails leaves nothing running.
import type { EgressDoor, EgressProxy } from '../egress-proxy/slot.js'
import type { ConnectorManifest } from '../package/slot.js'
import type { Sandbox } from '../sandbox/slot.js'
import { hasDoor, programOf } from './program.js'
import { Worker, type WorkerParts } from './worker.js'

export interface LaunchParts extends WorkerParts {
  readonly sandbox: Sandbox
  readonly egress: EgressProxy | undefined
}

/** What is started. */
export interface Launch {
  readonly directory: string
  readonly manifest: ConnectorManifest
}

export async function launch({ directory, manifest }: Launch, parts: LaunchParts): Promise<Worker> {
  const { id, runtime } = manifest
  if (runtime.kind === 'skills') throw new TypeError(`${id} is a skill pack, which has nothing to start`)
  const program = programOf(id, directory, runtime)
  const { sandbox, egress } = parts
  if (!hasDoor(manifest) || !egress) return await agreed(await sandbox.start(program), manifest, parts)
  let door: Promise<EgressDoor> | undefined
  const starting = sandbox.start({
    ...program,
    egress: (listener) => {
      door = egress.open({ connector: id, listener })
      // Closed with the program, also with one that did not come up; that it did not open is told below.
      door.then(
        async (opened) => {
          await starting.then(({ ended }) => ended).catch(() => undefined)
          await opened.close()
        },
        () => undefined,
      )
    },
  })
  const worker = await agreed(await starting, manifest, parts)
  try {
    await door
  } catch (error) {
    worker.kill()
    throw error
  }
  return worker
}

async function agreed(process: Worker['process'], manifest: ConnectorManifest, parts: WorkerParts): Promise<Worker> {
  const worker = new Worker(manifest.id, process, parts)
  try {
    await worker.agree(manifest)
  } catch (error) {
    worker.kill()
    throw error
  }
  return worker
}
