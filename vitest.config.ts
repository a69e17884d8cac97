import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Public entry points resolve to the sources, so that tests and examples import what a stranger would. */
export const alias = [
  { find: /^cloned$/, replacement: at('plugins/default.ts') },
  { find: /^cloned\/kernel$/, replacement: at('kernel/index.ts') },
  { find: /^cloned\/client$/, replacement: at('client/index.ts') },
  { find: /^cloned\/connector$/, replacement: at('connector/index.ts') },
  { find: /^cloned\/connector\/testing$/, replacement: at('connector/testing.ts') },
  { find: /^cloned\/testing$/, replacement: at('plugins/testing.ts') },
  { find: /^cloned\/plugins\/([a-z-]+)$/, replacement: `${at('plugins')}/$1/index.ts` },
]

export default defineConfig({
  resolve: { alias },
  test: {
    globalSetup: ['test/home.ts'],
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['test/long/**', '**/node_modules/**'],
    // It finds what hangs. What is slow on a busy machine is not wrong.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Nearly every file imports nearly everything: a process that keeps its modules saves a third of the time.
    isolate: false,
    maxWorkers: 2,
  },
})
