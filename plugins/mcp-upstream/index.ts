// Wires wrapped MCP servers into a distribution: their tools reach the gate, their programs nothing but what was approved.

import { declares, hostOf } from 'cloned/connector'
import {
  auditSlot,
  beforeAction,
  beforeEgress,
  beforeToolCall,
  definePlugin,
  deny,
  gateSlot,
  optional,
  scrubberSlot,
  toolSourcesCollection,
} from 'cloned/kernel'
import { previewsCollection } from '../approvals/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { connectorsSlot } from '../connectors/slot.js'
import { egressProxySlot } from '../egress-proxy/slot.js'
import { firewallSlot } from '../firewall/slot.js'
import { policySlot } from '../policy/slot.js'
import { sandboxSlot } from '../sandbox/slot.js'
import { vaultSlot } from '../vault/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { Attendance } from './attendance.js'
import { toolsExecutor, unwrapExecutor, wrapExecutor } from './changes.js'
import { lookCommands } from './commands.js'
import { upstreamConfig } from './limits.js'
import { ToolLists } from './lists.js'
import { serverPreviews } from './previews.js'
import { relay, requestExecutor } from './requests.js'
import { Servers } from './servers.js'
import { mcpRequest, mcpTools, mcpUnwrap, mcpWrap, type UpstreamNotice, type Upstreams, upstreamsSlot } from './slot.js'
import { allowedHosts } from './spec.js'
import { ServerState } from './state.js'
import { toolCommands } from './tool-commands.js'
import { TOOL_PREFIX, WrappedTools } from './tools.js'
import { voteOnAction, voteOnCall } from './votes.js'
import { wrapCommand } from './wrap-command.js'

export * from './slot.js'

/** Runs MCP servers of others, each confined, and offers what of them was agreed to. */
export const mcpUpstreamPlugin = definePlugin({
  id: 'cloned.mcp-upstream',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'MCP servers of others, confined, their tools pinned to what was agreed to.',
  requires: {
    gate: gateSlot,
    audit: auditSlot,
    workspace: workspaceSlot,
    policy: policySlot,
    firewall: firewallSlot,
    vault: vaultSlot,
    sandbox: sandboxSlot,
    connectors: connectorsSlot,
    scrubber: optional(scrubberSlot),
    egress: optional(egressProxySlot),
  },
  provides: { upstreams: upstreamsSlot },
  contributes: { sources: toolSourcesCollection, commands: commandsCollection, previews: previewsCollection },
  toolPrefixes: [TOOL_PREFIX],
  taps: [beforeAction, beforeToolCall, beforeEgress],
  executes: [mcpWrap, mcpTools, mcpUnwrap, mcpRequest],
  config: upstreamConfig,
  setup({ deps, config, hooks, actions, onStart, onStop, log, now }) {
    const { gate, workspace, scrubber, policy } = deps
    const listeners = new Set<(notice: UpstreamNotice) => void>()
    const tell = (said: UpstreamNotice) => {
      const notice = scrubber ? { ...said, params: scrubber.json(said.params, 'notice') as typeof said.params } : said
      for (const listener of listeners) listener(notice)
    }
    const state = new ServerState({
      file: () => workspace.path('mcp_servers.yaml'),
      lock: () => workspace.path('mcp_servers.lock'),
      audit: deps.audit,
    })
    const lists = new ToolLists(() => workspace.path('mcp', 'tools'))
    const servers = new Servers({
      ...config,
      ...{ state, lists, tell, log, now },
      ...{ sandbox: deps.sandbox, firewall: deps.firewall, vault: deps.vault, egress: deps.egress },
      connectors: deps.connectors,
      workspace: () => workspace.config.id,
      secret: () => workspace.dir,
      empty: () => workspace.path('mcp', 'empty'),
    })
    const attendance = new Attendance()
    const { callMs, resultBytes } = config
    const tools = new WrappedTools({ servers, attendance, scrubber, callMs, resultBytes, audit: deps.audit, now })
    const votes = { servers, lists, tools, policy }
    const changes = { state, servers, lists, now }

    hooks.guard(beforeAction, (action) => voteOnAction(votes, action))
    hooks.guard(beforeToolCall, (call) => voteOnCall(votes, call))
    // The rules of the policy may be wider than what was approved of the server; it has no more than both allow.
    hooks.guard(beforeEgress, ({ subject: { url, connector } }) => {
      const hosts = connector?.startsWith(TOOL_PREFIX) ? allowedHosts(servers.approved(), connector) : undefined
      if (!hosts || declares(hosts, hostOf(url))) return undefined
      return deny(`${connector} was not approved for the host ${hostOf(url)}`, { code: 'MCP_HOST' })
    })
    actions.execute(mcpWrap, wrapExecutor(changes))
    actions.execute(mcpTools, toolsExecutor(changes))
    actions.execute(mcpUnwrap, unwrapExecutor(changes))
    actions.execute(mcpRequest, requestExecutor({ servers, scrubber, audit: deps.audit, now }))
    onStart(() => servers.open())
    onStop(() => servers.stop())

    const upstreams: Upstreams = {
      servers: () =>
        servers.current().map(({ name, server }) => {
          const about = servers.about(name)
          const callable = tools.of(name, server).filter(({ contract }) => {
            return servers.running(name)?.problem(String(contract['name'])) === undefined
          })
          return {
            name,
            about: Object.keys(about).length === 0 ? undefined : about,
            tools: callable.map(({ tool, contract }) => ({ id: tool.id, contract })),
          }
        }),
      request: (name, method, params, options) => relay(gate, { scrubber }, { name, method, params }, options),
      notify(name, method, params) {
        void servers.running(name)?.notify(method, params)
      },
      onNotice(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      attend: (callId, options) => attendance.attend(callId, options),
    }
    return {
      upstreams,
      // The list of tools is read by commands that start nothing.
      sources: [{ prefix: TOOL_PREFIX, list: () => tools.list() }],
      commands: [
        wrapCommand(gate, state),
        ...lookCommands({ gate, state, servers, tools }),
        ...toolCommands({ gate, servers, lists }),
      ],
      previews: serverPreviews(state, lists),
    }
  },
})
