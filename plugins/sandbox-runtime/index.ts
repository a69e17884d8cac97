// Wires the package sandbox-runtime into a distribution as the sandbox of macOS; loads it only when a program is to start there.
import { definePlugin } from 'cloned/kernel'
import { sandboxBackendsCollection } from '../sandbox/slot.js'
import { runtimeBackend, type SandboxRuntime } from './backend.js'

/** Optional: whoever wants connectors on macOS installs it. */
const PACKAGE: string = '@anthropic-ai/sandbox-runtime'

/**
 * Confines connectors on macOS with Seatbelt. Nobody has tested it there: what holds it to its word is the trial at every
 * start. A program that leaves its process group outlives this process, and nothing limits what it takes of the machine.
 */
export const sandboxRuntimePlugin = definePlugin({
  id: 'cloned.sandbox-runtime',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Confines connectors on macOS with the package @anthropic-ai/sandbox-runtime.',
  contributes: { backends: sandboxBackendsCollection },
  setup: () => ({ backends: [runtimeBackend(async () => (await import(PACKAGE)) as SandboxRuntime)] }),
})
