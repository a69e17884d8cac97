import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { skillsSlot } from 'cloned/plugins/skills'
import { openTestWorkspace, skillsSuite } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(skillsSlot))('the skills contract, kept by %s', (_, composition) => {
  const cases = skillsSuite(async () => {
    const { kernel, root, now, advance, close } = await openTestWorkspace({ ...composition, omit: ['cloned.runs'] })
    return {
      skills: kernel.service(skillsSlot),
      kernel,
      now,
      advance,
      async put({ pack, pipelines }) {
        const directory = join(root, '.cloned/skills', pack.id)
        rmSync(directory, { recursive: true, force: true })
        mkdirSync(join(directory, 'pipelines'), { recursive: true })
        writeFileSync(join(directory, 'pack.yaml'), JSON.stringify(pack))
        for (const [n, pipeline] of pipelines.entries()) {
          writeFileSync(join(directory, `pipelines/${n}.yaml`), JSON.stringify(pipeline))
        }
      },
      close,
    }
  })
  for (const { name, run } of cases) it(name, run)
})
