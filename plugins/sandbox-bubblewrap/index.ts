// Wires bubblewrap into a distribution as the sandbox of Linux; it must never start a program in any other way.
import { definePlugin } from 'cloned/kernel'
import { sandboxBackendsCollection } from '../sandbox/slot.js'
import { bubblewrapBackend } from './backend.js'

/** Confines connectors on Linux with bubblewrap. */
export const sandboxBubblewrapPlugin = definePlugin({
  id: 'cloned.sandbox-bubblewrap',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Confines connectors on Linux with bubblewrap and a system call filter.',
  contributes: { backends: sandboxBackendsCollection },
  setup: () => ({ backends: [bubblewrapBackend()] }),
})
