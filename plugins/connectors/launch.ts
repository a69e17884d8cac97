// Starts the worker of a package: verified first, then confined, then agreed with; whatever fails leaves nothing running.

import type { EgressProxy } from '../egress-proxy/slot.js'
import type { ConnectorManifest } from '../package/slot.js'
import type { Sandbox } from '../sandbox/slot.js'
import { joinDoor } from './door.js'
import { programOf } from './program.js'
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
  const { id, runtime, tools } = manifest
  const closers: (() => void | Promise<void>)[] = []
  const close = () => {
    for (const closer of closers.splice(0)) void closer()
  }
  // Workers that use the SDK ask the host for requests; other programs have what libraries call a proxy.
  const outward = runtime.kind === 'command' && tools.some((tool) => tool.egress_hosts.length > 0)
  const door = outward ? await parts.egress?.open({ connector: id }) : undefined
  if (door) closers.push(() => door.close())
  try {
    const process = await parts.sandbox.start({
      ...programOf(id, directory, runtime),
      ...(door && { egress: (listener: unknown) => void closers.push(joinDoor(listener, door)) }),
    })
    const worker = new Worker(id, process, parts)
    void worker.ended.then(close)
    try {
      await worker.agree(manifest)
    } catch (error) {
      worker.kill()
      throw error
    }
    return worker
  } catch (error) {
    close()
    throw error
  }
}
