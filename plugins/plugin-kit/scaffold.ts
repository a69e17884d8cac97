// Holds the files of a new plugin package: plain JavaScript that runs as it is; it writes none of them.
import { KERNEL_VERSION } from 'cloned/kernel'

/** The files of a package by their names. */
export function filesOf(id: string): Readonly<Record<string, string>> {
  const words = id.split(/[.-]/)
  const camel = words.map((word, at) => (at === 0 ? word : `${word[0]?.toUpperCase()}${word.slice(1)}`)).join('')
  const manifest = {
    name: `cloned-plugin-${words.join('-')}`,
    version: '0.1.0',
    description: 'Denies calls outside of office hours.',
    license: 'UNLICENSED',
    type: 'module',
    keywords: ['cloned-plugin'],
    exports: { '.': './index.js' },
    files: ['index.js'],
    scripts: { test: 'node --test' },
    peerDependencies: { cloned: `^${KERNEL_VERSION}` },
    devDependencies: { cloned: `^${KERNEL_VERSION}` },
  }
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'index.js': `// Decides at which hours risky tools may be called; it never lets through what others deny.
import { beforeToolCall, configSchema, definePlugin, deny } from 'cloned/kernel'

const config = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    from: { type: 'integer', minimum: 0, maximum: 23, default: 8 },
    to: { type: 'integer', minimum: 1, maximum: 24, default: 18 },
  },
})

export const ${camel} = definePlugin({
  id: '${id}',
  version: '${manifest.version}',
  kernel: '^${KERNEL_VERSION}',
  stability: 'experimental',
  description: '${manifest.description}',
  taps: [beforeToolCall],
  config,
  setup({ hooks, config }) {
    hooks.guard(beforeToolCall, ({ tool, at }) => {
      if (tool.risk !== 'high') return undefined
      const hour = new Date(at).getUTCHours()
      if (hour >= config.from && hour < config.to) return undefined
      return deny('high risk is for office hours', { help: \`Call again after \${config.from}:00 UTC.\` })
    })
  },
})

export default ${camel}
`,
    'index.test.js': `import test from 'node:test'
import { pluginContract } from 'cloned/testing'
import ${camel} from './index.js'

const badConfigs = [[{ from: 24 }, '/from'], [{ to: 0 }, '/to']]

for (const { name, run } of pluginContract(${camel}, { badConfigs })) test(name, run)
`,
    'README.md': `# ${manifest.name}

${manifest.description}

    npm test
    npx cloned plugins verify .

To use it, list it in a distribution, or build one: \`npx cloned build --with ${manifest.name}\`.
`,
  }
}
