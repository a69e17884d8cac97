import { definePlugin, type Kernel } from 'cloned/kernel'
import { runsSlot } from 'cloned/plugins/runs'
import { skillPacksCollection } from 'cloned/plugins/skills'
import { storeSlot } from 'cloned/plugins/store'
import { benchTool, benchTools, openTestWorkspace, type TestWorkspace } from 'cloned/testing'
import { afterEach, expect, it } from 'vitest'
import acmeRuns from './index.js'

const about = { format: 1, title: 'Test', description: 'For tests.', allowed_tools: [benchTool('free')] } as const
const pack = definePlugin({
  id: 'test.pack',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { packs: skillPacksCollection },
  setup: () => ({
    packs: [
      {
        pack: { ...about, id: 'test.pack', version: '1.0.0' },
        pipelines: [
          {
            ...about,
            id: 'test.pack',
            inputs: { type: 'object' },
            steps: [{ id: 'only', tool: benchTool('free'), input: {} }],
          },
        ],
      },
    ],
  }),
})

let workspace: TestWorkspace
afterEach(() => workspace.close())

/** What a process leaves that dies in the middle of the call of a run that it has just begun. */
async function interrupted(kernel: Kernel, id: string): Promise<void> {
  const store = kernel.service(storeSlot)
  const [row] = await store.all('select run from acme_runs where id = $1', id)
  const { output: _, endedAt: __, ...run } = JSON.parse(String(row?.['run']))
  const nodes = [{ path: 'only', state: 'running', calls: [], attempts: 1, startedAt: 1 }]
  const sql = "update acme_runs set state = 'running', run = $1 where id = $2"
  await store.write([{ sql, args: [JSON.stringify({ ...run, nodes }), id], expect: 1 }])
}

it('a call that was under way when its process died is made again only on the word of a person', async () => {
  const bench = benchTools(pack)
  const composition = { plugins: [acmeRuns, ...bench.plugins], replace: { 'cloned.runs': 'acme.runs' } }
  workspace = await openTestWorkspace(composition)
  const runs = workspace.kernel.service(runsSlot)
  const { id } = await runs.start({ pipeline: 'test.pack', inputs: {} })
  expect(await runs.settled(id)).toMatchObject({ state: 'done' })
  await interrupted(workspace.kernel, id)
  bench.ran.splice(0)

  const [left] = await runs.resume()
  const error = { code: 'RUN_STEP_INDETERMINATE', effect: 'unknown' }
  expect(left).toMatchObject({ state: 'failed', error, steps: [{ state: 'indeterminate', error }] })
  expect(bench.ran).toEqual([])

  expect(await runs.resume(id, { happened: { output: { n: 1 } } })).toMatchObject([
    { state: 'done', steps: [{ state: 'done', output: { n: 1 } }] },
  ])
  expect(bench.ran).toEqual([])

  await interrupted(workspace.kernel, id)
  await runs.resume()
  expect(await runs.resume(id, { retry: true })).toMatchObject([{ state: 'done' }])
  expect(bench.ran).toHaveLength(1)
})
