// The source of the connector that the cases run: tools that behave, that fail, and that try to get out.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const TEST_CONNECTOR = 'acme.trial'

/** Writes the source into a directory, which may be there. `word` is what `say` answers before its input. */
export function writeSource(directory: string, word: string): void {
  mkdirSync(directory, { recursive: true })
  const about = {
    name: 'acme-trial',
    version: '1.0.0',
    private: true,
    type: 'module',
    cloned: { connector: 'serve.js' },
  }
  writeFileSync(join(directory, 'package.json'), JSON.stringify(about))
  writeFileSync(join(directory, 'serve.js'), SOURCE.replace('WORD', word))
}

const SOURCE = `import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { defineConnector, defineTool, serve } from 'cloned/connector'

const tool = (name, run, hosts = []) =>
  defineTool({
    id: '${TEST_CONNECTOR}.' + name,
    version: 1,
    title: name,
    description: name,
    input: { type: 'object' },
    output: { type: 'object', required: ['is'], properties: { is: {} }, additionalProperties: false },
    risk: 'low',
    capability: 'test.run',
    hosts,
    run,
  })

const reach = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve('ok')).on('error', ({ code }) => resolve(code))
  })

const read = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch ({ code }) {
    return code
  }
}

serve(
  defineConnector({
    id: '${TEST_CONNECTOR}',
    version: '1.0.0',
    publisher: 'acme',
    title: 'Trial',
    description: 'Tools of a suite.',
    tools: [
      tool('say', ({ text }) => ({ is: 'WORD ' + text })),
      tool('probe', async ({ path, port }) => ({
        is: { env: { ...process.env }, file: read(path), network: await reach(port) },
      })),
      tool('junk', () => ({ another: 1 })),
      tool('fail', () => {
        throw new Error('it did not work')
      }),
      tool('die', () => process.exit(3)),
      tool('wait', (_, { signal, progress }) => {
        progress('waiting')
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled'))))
      }),
      tool('away', async ({ url }, { fetch }) => ({ is: (await fetch(url)).status }), ['declared.example.com']),
    ],
  }),
)
`
