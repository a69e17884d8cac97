// Lists the commands of the firewall; decides nothing.
import type { Command } from '../../cli/slot.js'
import { allowCommand, removeCommand } from './change.js'
import { explainCommand } from './explain.js'
import { listCommand } from './list.js'
import type { FirewallCommandParts } from './parts.js'
import { testCommand } from './test.js'

export function firewallCommands(parts: FirewallCommandParts): readonly Command[] {
  return [listCommand(parts), allowCommand(parts), removeCommand(parts), explainCommand(parts), testCommand(parts)]
}
