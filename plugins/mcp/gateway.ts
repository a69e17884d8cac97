// Puts the parts of the gateway together, one set for each view of it; it decides nothing itself.
import { type Approvals, type AuditLog, ClonedError, type Gate, type Logger, suggestion } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import type { Upstreams } from '../mcp-upstream/slot.js'
import type { Policy } from '../policy/slot.js'
import type { Skills } from '../skills/slot.js'
import { callHandler } from './call.js'
import type { McpConfig } from './config.js'
import { Desk } from './desk.js'
import { HttpServer } from './http.js'
import { serveLines } from './lines.js'
import { Notices } from './notices.js'
import { Relay } from './relay.js'
import { errorWorder, Server } from './server.js'
import { SkillTexts } from './skills.js'
import type { McpDoor, McpView } from './slot.js'
import { Tasks } from './tasks.js'
import { View } from './view.js'

export interface GatewayParts {
  readonly gate: Gate
  readonly keys: Pick<Keys, 'mac'>
  readonly policy: Policy | undefined
  readonly approvals: Approvals | undefined
  readonly upstreams: Upstreams | undefined
  readonly skills: Skills | undefined
  readonly audit?: AuditLog
  readonly config: McpConfig
  readonly log: Logger
  readonly now: () => number
}

export interface Door extends McpDoor {
  stop(): void
}

/** Throws `MCP_SERVER_UNKNOWN`. */
export function makeDoor(parts: GatewayParts, { only }: McpView): Door {
  const { upstreams, config, now, keys } = parts
  const known = upstreams?.servers().map(({ name }) => name) ?? []
  if (only !== undefined && !known.includes(only)) {
    throw new ClonedError('MCP_SERVER_UNKNOWN', { server: only, near: suggestion(known[0]) })
  }
  const word = errorWorder(parts.log)
  const tasks = new Tasks(now, (error) => word(error, true))
  const { answerMs, patienceMs, standMs } = config
  const desk = new Desk({ key: () => keys.mac('mcp'), tasks, now, answerMs, patienceMs })
  const view = new View({ ...parts, only })
  const relay = new Relay({ upstreams, desk, only, now })
  const notices = new Notices({ upstreams, relay, only })
  const skills = parts.skills && only === undefined ? new SkillTexts(parts.skills) : undefined
  const call = callHandler({ ...parts, view, desk, relay })
  const server = new Server({ view, relay, notices, tasks, skills, call, only })
  const passOn = (method: string, params: Parameters<Upstreams['notify']>[2]) => {
    for (const { name } of relay.servers()) upstreams?.notify(name, method, params)
  }
  const http = new HttpServer({ server, wordError: word, relay: passOn, view, now, standMs })
  notices.start()
  return {
    lines: (streams, credential, signal) =>
      serveLines(streams, { server, wordError: word, credential, relay: passOn }, signal),
    http: (request, response, caller) => http.handle(request, response, caller),
    stop() {
      notices.stop()
      http.stop()
      desk.stop()
      tasks.stop()
    },
  }
}
