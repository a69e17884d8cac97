// Wires the skills service into a distribution; does nothing else.
import { definePlugin, describeThrown } from 'cloned/kernel'
import { doctorChecksCollection } from '../doctor/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { createSkills } from './skills.js'
import { skillPacksCollection, skillsSlot } from './slot.js'

export { createSkills, type SkillSources } from './skills.js'
export * from './slot.js'

/** Skill packs from plugins and from `.cloned/skills/*`. */
export const skillsPlugin = definePlugin({
  id: 'cloned.skills',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Reads skill packs and checks their pipelines',
  requires: { workspace: workspaceSlot },
  provides: { skills: skillsSlot },
  owns: { packs: skillPacksCollection },
  contributes: { checks: doctorChecksCollection },
  setup({ deps, collected }) {
    const skills = createSkills({
      directories: () => collected.packs().map(({ item }) => item.directory),
      workspace: () => deps.workspace.path('skills'),
    })
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
    return { skills, checks: [check] }
  },
})
