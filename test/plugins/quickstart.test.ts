import { existsSync, rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import { quickstart } from '../../examples/quickstart/index.js'
import { programOf } from '../../plugins/quickstart/index.js'
import { memoryIo } from './cli-fixture.js'

it('walks through the main job, asks nobody, and says how to go on', { timeout: 30_000 }, async () => {
  const { io, texts } = memoryIo({ tty: true })
  const code = await quickstart(io, { program: 'npx cloned' })
  const root = /^The workspace stays at (.+)$/m.exec(texts.out)?.[1] ?? ''
  try {
    expect({ code, err: texts.err.includes('error') }).toEqual({ code: 0, err: false })
    expect(texts.out).toContain(`npx cloned --workspace ${root} runs list`)
    expect(texts.out).toMatch(/^ok: \d+ records, unbroken$/m)
    expect(existsSync(`${root}/notes/todo.md`)).toBe(true)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

it('prints the same commands in a dry run, and makes nothing', async () => {
  const { io, texts } = memoryIo()
  expect(await quickstart(io, { dryRun: true })).toBe(0)
  const commands = texts.out.split('\n').filter((line) => line.startsWith('$ '))
  expect(commands[0]).toBe('$ cloned init --type personal')
  expect(commands.at(-1)).toBe('$ cloned doctor')
  expect(texts.out).not.toContain('The workspace stays')
})

it.each([
  ['/home/a/project/node_modules/cloned/dist/plugins/bin.js', 'npx cloned'],
  ['/home/a/project/node_modules/.bin/cloned', 'npx cloned'],
  ['/home/a/cloned/dist/plugins/bin.js', 'node /home/a/cloned/dist/plugins/bin.js'],
  ['/home/a b/cloned/dist/plugins/bin.js', 'node "/home/a b/cloned/dist/plugins/bin.js"'],
  ['/usr/local/bin/cloned', 'cloned'],
])('says for %s how a person starts it', (script, program) => {
  expect(programOf(script)).toBe(program)
})
