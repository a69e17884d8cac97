// Says what the skills service replaces and how the suite of skills gets at one, in a real workspace.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DefinedSkillPack, skillsSlot } from 'cloned/plugins/skills'
import { type Replacement, skillsSuite } from 'cloned/testing'
import acmeSkills from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.skills',
  composition: { plugins: [acmeSkills], replace: { 'cloned.skills': 'acme.skills' } },
  cases: (open) =>
    skillsSuite(async () => {
      const { kernel, root, now, advance, close } = await open({ omit: ['cloned.runs'] })
      const packs = new Map<string, DefinedSkillPack>()
      return {
        skills: kernel.service(skillsSlot),
        kernel,
        now,
        advance,
        async put(pack) {
          packs.set(pack.pack.id, pack)
          const text = JSON.stringify({ packs: [...packs.values()] })
          writeFileSync(join(root, '.cloned', 'packs.json'), text, { mode: 0o600 })
        },
        close,
      }
    }),
}
export default replacement
