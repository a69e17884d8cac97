// Wires the skills service into a distribution: its sources, its guards and its commands; decides nothing itself.
import {
  auditSlot,
  beforeAction,
  beforeEgress,
  beforeToolCall,
  definePlugin,
  describeThrown,
  gateSlot,
  optional,
  reserveToolCall,
} from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { manifestSourcesCollection } from '../package/slot.js'
import { registrySlot } from '../registry/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { skillCommands } from './commands/index.js'
import { Holds } from './holds.js'
import { describePack } from './package.js'
import { skillsPart } from './routes.js'
import { createSkills } from './skills.js'
import { skillPacksCollection, skillsSlot } from './slot.js'
import { Spent } from './spent.js'

export { definePipeline, defineSkillPack } from './define.js'
export { Holds } from './holds.js'
export type { InstalledPack } from './library.js'
export { createSkills, type SkillsParts } from './skills.js'
export * from './slot.js'
export { Spent } from './spent.js'

/** Skill packs from plugins, from `.cloned/skills/*` and from the registry, and their constitutions. */
export const skillsPlugin = definePlugin({
  id: 'cloned.skills',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Reads skill packs, checks their pipelines and holds them to their constitutions',
  requires: { workspace: workspaceSlot, gate: gateSlot, audit: auditSlot, registry: optional(registrySlot) },
  provides: { skills: skillsSlot },
  owns: { packs: skillPacksCollection },
  contributes: {
    checks: doctorChecksCollection,
    commands: commandsCollection,
    sources: manifestSourcesCollection,
    routes: routesCollection,
  },
  taps: [beforeAction, beforeToolCall, beforeEgress, reserveToolCall],
  setup({ deps: { workspace, gate, audit, registry }, collected, hooks, now }) {
    const holds = new Holds({ root: () => workspace.root, now })
    const enabled = () => registry?.enabled() ?? []
    const sources = {
      plugins: () => collected.packs().map(({ item }) => item),
      workspace: () => workspace.path('skills'),
      installed: () =>
        enabled().flatMap(({ id, version, publisher, directory, manifest: { title, description, runtime } }) =>
          runtime.kind === 'skills' ? [{ id, version, publisher, directory, title, description, runtime }] : [],
        ),
    }
    const connectors = () => enabled().filter(({ manifest }) => manifest.runtime.kind !== 'skills')
    const off = async () =>
      ((await registry?.list()) ?? []).filter(
        ({ status, manifest }) => status !== 'enabled' && (manifest?.runtime.kind ?? 'skills') === 'skills',
      )
    const parts = { ...sources, off, tools: () => gate.tools(), connectors, holds }
    const skills = createSkills(parts)

    hooks.guard(beforeAction, (action) => holds.judgeAction(action))
    hooks.guard(beforeToolCall, (call) => holds.judgeCall(call))
    hooks.guard(beforeEgress, ({ action, subject }) => holds.judgeEgress(action, subject))
    hooks.reserve(reserveToolCall, new Spent(holds, audit))
    const check = {
      id: 'skills.packs',
      async run() {
        try {
          const { length } = await skills.pipelines()
          return { level: 'ok' as const, message: `${length} pipeline(s), all valid` }
        } catch (error) {
          return { level: 'fail' as const, message: describeThrown(error), fix: 'Mend the named file' }
        }
      },
    }
    return {
      skills,
      checks: [check],
      commands: skillCommands(parts),
      routes: [skillsPart(skills, parts)],
      sources: [{ describe: describePack }],
    }
  },
})
