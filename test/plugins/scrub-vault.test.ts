import { definePlugin, defineTool, fail, type Json, type Plugin, toolsCollection } from 'cloned/kernel'
import { scrubPlugin } from 'cloned/plugins/scrub'
import { type SecretContext, vaultSlot } from 'cloned/plugins/vault'
import { afterEach, expect, it } from 'vitest'
import { SCOPE, VALUE, vaultWorld, type World } from './vault-fixture.js'

/** A tool that gets a secret as a connector would, and lets out whatever the test makes of it. */
function echo(context: () => SecretContext, make: (value: string) => Json): Plugin {
  return definePlugin({
    id: 'test.echo',
    version: '1.0.0',
    kernel: '^0.1.0',
    requires: { vault: vaultSlot },
    contributes: { tools: toolsCollection },
    setup: ({ deps }) => ({
      tools: [
        defineTool<{ secret: string }, Json>({
          id: 'test.echo.it@v1',
          title: 'Echo',
          description: 'Echoes',
          risk: 'low',
          capability: 'test',
          input: { type: 'object', properties: { secret: { type: 'string' } } },
          output: {},
          handler: async ({ secret }) => make((await deps.vault.resolve(secret, context())).reveal().toString()),
        }),
      ],
    }),
  })
}

let world: World | undefined
afterEach(() => world?.close())

it.each<[string, (value: string) => Json]>([
  ['a result', (value) => ({ echo: value })],
  ['a result in base64', (value) => Buffer.from(`user:${value}`).toString('base64')],
  [
    'an error',
    (value) => {
      throw fail(`refused ${value}`)
    },
  ],
])('a secret that the vault gave out does not come back in %s, from its first use on', async (_, make) => {
  world = await vaultWorld()
  const opened = await world.open({ plugins: [scrubPlugin, echo(() => opened.context(), make)] })
  await opened.put('github', VALUE, SCOPE)
  const call = (secret: string) => opened.kernel.call({ tool: 'test.echo.it@v1', input: { secret } })
  const outcome = await call('github')
  const text = JSON.stringify(outcome)
  expect(text).toContain('[REDACTED:vault:github]')
  expect(text).not.toContain(VALUE)
  expect(text).not.toContain(Buffer.from(VALUE).toString('base64').slice(4, 20))
  const hit = await opened.audit.latest('redaction.hit')
  expect(hit?.record).toMatchObject({ name: 'github', call_id: outcome.callId })
})
