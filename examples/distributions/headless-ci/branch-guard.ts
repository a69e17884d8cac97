// Denies every write below the directories that a pipeline must not touch; it allows nothing.
import { beforeToolCall, configSchema, definePlugin, deny } from 'cloned/kernel'

interface Config {
  /** Directories, relative to the workspace, that no tool may write to. */
  readonly frozen: readonly string[]
}

const config = configSchema<Config>({
  type: 'object',
  additionalProperties: false,
  properties: {
    frozen: { type: 'array', items: { type: 'string', minLength: 1 }, default: ['.github', 'release'] },
  },
})

export const branchGuard = definePlugin({
  id: 'acme.branch-guard',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'stable',
  description: 'Keeps pipelines from changing how they are run and what was released.',
  taps: [beforeToolCall],
  config,
  setup({ config: { frozen }, hooks }) {
    hooks.guard(beforeToolCall, ({ tool, input }) => {
      if (tool.capability !== 'fs.write') return undefined
      const path = typeof input === 'object' && input !== null && 'path' in input ? String(input.path) : ''
      const [first = ''] = path.split('/').filter((part) => part !== '' && part !== '.')
      return frozen.includes(first) ? deny(`${first}/ is not for pipelines`, { code: 'ACME_FROZEN' }) : undefined
    })
  },
})
