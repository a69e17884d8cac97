// The command `mcp`: serves one MCP client on standard input and output; nothing else may be written there.
import type { Gate } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'
import type { HookDoor } from '../mcp-clients/slot.js'
import type { Workspace } from '../workspace/slot.js'
import type { Mcp } from './slot.js'

/** `workspace` is where it works, as it was found. */
export function mcpCommand(
  mcp: Mcp,
  gate: Pick<Gate, 'actor'>,
  workspace: Pick<Workspace, 'root' | 'found'> | undefined,
  hooks: HookDoor | undefined,
): Command {
  return {
    name: 'mcp',
    summary: 'Serve the tools of this workspace to an MCP client, on standard input and output',
    options: [
      { flags: '--server <name>', description: 'Only the tools of this server' },
      {
        flags: '--names <style>',
        description: 'portable (default), or raw with --server: names and schemas of its own',
      },
    ],
    examples: ['cloned mcp', 'cloned mcp --server github --names raw'],
    needs: 'workspace',
    async run(ctx) {
      const { server, names } = ctx.options
      if (names !== undefined && names !== 'raw' && names !== 'portable')
        throw ctx.usageError('--names is portable or raw')
      if (names === 'raw' && typeof server !== 'string') throw ctx.usageError('--names raw needs --server')
      if (names !== 'raw' && typeof server === 'string') throw ctx.usageError('--server needs --names raw')
      if (workspace) {
        const which = workspace.found === 'default' ? ', your default one' : ''
        ctx.note(ctx.printable(`Serving the workspace ${workspace.root}${which}.`))
      }
      hooks?.open()
      const door = mcp.door(typeof server === 'string' ? { only: server } : {})
      // Whoever has started the client sits before it; the agent that calls here has no name but the one that it claims.
      const person = gate.actor()
      const caller = {
        key: `stdio:${person.osUser}`,
        person,
        ...(ctx.actor === undefined ? {} : { actor: ctx.actor }),
      }
      await door.lines({ input: process.stdin, output: process.stdout }, caller, ctx.signal)
      return { json: undefined, text: '' }
    },
  }
}
