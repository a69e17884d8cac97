// A skills service of a third party: the packs of a workspace stand in one file; constitutions hold as they always do.
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
import { type Command, commandsCollection } from 'cloned/plugins/cli'
import { type DoctorCheck, doctorChecksCollection } from 'cloned/plugins/doctor'
import { registrySlot } from 'cloned/plugins/registry'
import {
  createSkills,
  Holds,
  type InstalledPack,
  type Skills,
  Spent,
  skillPacksCollection,
  skillsSlot,
} from 'cloned/plugins/skills'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { packsIn } from './packs.js'

const FILE = 'packs.json'

/** List it, and say so: `replace: { 'cloned.skills': 'acme.skills' }`. */
export default definePlugin({
  id: 'acme.skills',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Skill packs from plugins, from packages, and from .cloned/packs.json',
  requires: { workspace: workspaceSlot, gate: gateSlot, audit: auditSlot, registry: optional(registrySlot) },
  provides: { skills: skillsSlot },
  owns: { packs: skillPacksCollection },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection },
  taps: [beforeAction, beforeToolCall, beforeEgress, reserveToolCall],
  setup({ deps: { workspace, gate, audit, registry }, collected, hooks, now }) {
    const holds = new Holds({ root: () => workspace.root, now })
    const enabled = () => registry?.enabled() ?? []
    const skills = createSkills({
      plugins: () => [...collected.packs().map(({ item }) => item), ...packsIn(workspace.path(FILE))],
      // Directories of packs are the built-in's.
      workspace: () => undefined,
      installed: () =>
        enabled().flatMap(({ id, version, publisher, directory, manifest }): InstalledPack[] => {
          const { title, description, runtime } = manifest
          return runtime.kind === 'skills' ? [{ id, version, publisher, directory, title, description, runtime }] : []
        }),
      tools: () => gate.tools(),
      connectors: () => enabled().filter(({ manifest }) => manifest.runtime.kind !== 'skills'),
      holds,
    })
    hooks.guard(beforeAction, (action) => holds.judgeAction(action))
    hooks.guard(beforeToolCall, (call) => holds.judgeCall(call))
    hooks.guard(beforeEgress, ({ action, subject }) => holds.judgeEgress(action, subject))
    hooks.reserve(reserveToolCall, new Spent(holds, audit))
    return { skills, commands: [listCommand(skills)], checks: [packsCheck(skills)] }
  },
})

function listCommand(skills: Skills): Command {
  return {
    name: 'skills list',
    summary: 'List the pipelines that can be run',
    examples: ['cloned skills list'],
    needs: 'workspace',
    async run({ printable }) {
      const pipelines = (await skills.pipelines()).map(({ id, title }) => ({ id, title }))
      const text = pipelines.map(({ id, title }) => `${id}: ${title}`).join('\n')
      return { json: { pipelines }, text: printable(text, { lines: true }) }
    },
  }
}

function packsCheck(skills: Skills): DoctorCheck {
  return {
    id: 'skills.packs',
    async run() {
      try {
        const { length } = await skills.pipelines()
        return { level: 'ok', message: `${length} pipeline(s), all valid` }
      } catch (error) {
        return { level: 'fail', message: describeThrown(error), fix: `Mend .cloned/${FILE}` }
      }
    },
  }
}
