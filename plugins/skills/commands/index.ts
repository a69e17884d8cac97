// The commands about packs and pipelines; they read and show, and run nothing. Installing is the registry's.
import type { Command } from '../../cli/slot.js'
import type { ShownParts } from '../skills.js'
import { graphCommand } from './graph.js'
import { initCommand } from './init.js'
import { listCommand, showCommand } from './look.js'
import { validateCommand } from './validate.js'

export function skillCommands(parts: ShownParts): readonly Command[] {
  return [listCommand(parts), showCommand(parts), validateCommand(parts), graphCommand(parts), initCommand()]
}
