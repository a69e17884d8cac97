// Connectors from source: taken as their code is, loudly, and only where the root of trust says so.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connectorCommands } from '../../plugins/connectors/commands.js'
import { scaffold } from '../../plugins/connectors/scaffold.js'
import { connectorsSlot } from '../../plugins/connectors/slot.js'
import {
  type ConnectorsWorld,
  canConfine,
  connectorsWorld,
  NO_SANDBOX,
  packageTool,
  trustIn,
} from './connectors-fixture.js'

describe.skipIf(!canConfine)(`a connector from source (skipped only where ${NO_SANDBOX})`, () => {
  let world: ConnectorsWorld
  const directory = join(mkdtempSync(join(tmpdir(), 'cloned-dev-')), 'weather')
  afterEach(() => world.close())

  it('is taken as its code is at that moment, and its changed code the next time', async () => {
    world = await connectorsWorld({ plugins: [trustIn('dev')] })
    scaffold(directory, 'acme.weather')
    const connectors = world.kernel.service(connectorsSlot)
    expect((await connectors.develop(directory)).manifest.tools.map(({ id }) => id)).toEqual(['acme.weather.greet@v1'])
    expect(world.logged.join('\n')).toContain('UNSIGNED connector acme.weather')
    const greet = async () => await world.call('acme.weather.greet@v1', { name: 'Ada' })
    expect(await greet()).toMatchObject({ output: { text: 'Hello, Ada.' } })
    const source =
      "import { connector } from './connector.js'\nimport { serve } from 'cloned/connector'\nconst [tool] = connector.tools\nserve({ ...connector, tools: [{ ...tool, run: () => ({ text: 'changed' }) }] })\n"
    writeFileSync(join(directory, 'serve.js'), source)
    await connectors.develop(directory)
    expect(await greet()).toMatchObject({ output: { text: 'changed' } })
    rmSync(directory, { recursive: true })
  })

  it('is taken again after every change of a file, and a bad change is told, until it is told to stop', async () => {
    world = await connectorsWorld({ plugins: [trustIn('dev')] })
    rmSync(directory, { recursive: true, force: true })
    scaffold(directory, 'acme.weather')
    const connectors = world.kernel.service(connectorsSlot)
    const command = connectorCommands(connectors, world.kernel).find(({ name }) => name === 'connectors dev')
    const stop = new AbortController()
    const said: string[] = []
    const emitted: unknown[] = []
    const say = (line: string) => void said.push(line)
    const options = { tool: 'acme.weather.greet@v1', input: '{}' }
    const context = {
      args: { directory },
      options,
      cwd: '/',
      signal: stop.signal,
      dryRun: false,
      print: say,
      tell: say,
      emit: (document: unknown) => void emitted.push(document),
    }
    const inputJson = async () => ({ name: 'Ada' })
    const running = command?.run({ ...context, inputJson, printable: (text: string) => text } as never)
    const edit = (from: string, to: string) => {
      const path = join(directory, 'connector.js')
      writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
    }
    await expect.poll(() => said.join('\n'), { timeout: 10_000 }).toContain('Hello, Ada.')
    edit('Hello, ', 'Good day, ')
    await expect.poll(() => said.join('\n'), { timeout: 10_000 }).toContain('Good day, Ada.')
    edit('defineConnector({', 'defineConnector({,')
    await expect.poll(() => said.join('\n'), { timeout: 10_000 }).toContain('SyntaxError')
    expect(emitted).toMatchObject([
      { id: 'acme.weather', outcome: { status: 'done', output: { text: 'Hello, Ada.' } } },
      { outcome: { output: { text: 'Good day, Ada.' } } },
      { error: { code: 'CONNECTOR_DESCRIBE' } },
    ])
    stop.abort()
    await running
    rmSync(directory, { recursive: true })
  })

  const noPython = process.env['CI'] !== 'true' && !existsSync('/usr/bin/python3')
  it.skipIf(noPython).each([
    [
      'serves other tools than it lists',
      "serve('acme.words', '1.0.0', {'acme.words.other@v1': lambda given: {}})",
      /its tools are not those/,
    ],
    ['does not start', 'syntax error', /SyntaxError/],
  ])(
    'with a manifest written by hand is refused at once when it %s (skipped only without python3)',
    async (_, last, told) => {
      world = await connectorsWorld({ plugins: [trustIn('dev')] })
      const { contract_sha256: _digest, ...tool } = packageTool({ id: 'acme.words.count@v1' })
      const draft = {
        ...{
          id: 'acme.words',
          version: '1.0.0',
          publisher_id: 'acme',
          title: 'Words',
          description: 'Counts words',
          protocol: 1,
        },
        ...{ runtime: { kind: 'command', command: ['python3', 'words.py'] }, requires_capabilities: [], tools: [tool] },
      }
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, 'connector.json'), JSON.stringify(draft))
      cpSync('examples/connector-python-words/cloned_worker.py', join(directory, 'cloned_worker.py'))
      writeFileSync(join(directory, 'words.py'), `from cloned_worker import serve\n${last}\n`)
      const taken = world.kernel.service(connectorsSlot).develop(directory)
      await expect(taken).rejects.toMatchObject({ code: 'CONNECTOR_DESCRIBE', message: expect.stringMatching(told) })
      expect(world.kernel.service(connectorsSlot).running()).toEqual([])
      rmSync(directory, { recursive: true })
    },
  )

  it('does not run where the root of trust is strict', async () => {
    world = await connectorsWorld({ plugins: [trustIn('strict')] })
    mkdirSync(directory, { recursive: true })
    const taken = world.kernel.service(connectorsSlot).develop(directory)
    await expect(taken).rejects.toMatchObject({ code: 'CONNECTOR_DEV' })
  })
})
