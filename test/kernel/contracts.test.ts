import {
  allow,
  beforeToolCall,
  type Collection,
  collection,
  createKernel,
  defineDistribution,
  defineHook,
  definePlugin,
  deny,
  type Hook,
  type KernelRuntime,
  type Plugin,
  plan,
  type Slot,
  slot,
} from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { basics, quiet } from './support.js'

/** Contract 1: one word at a time, joined by the caller. Contract 2: everything at once. Contract 3 has no way back to 1. */
interface Mail1 {
  word(text: string): void
}
interface Mail2 {
  words(texts: readonly string[]): void
}
const mail1 = slot<Mail1>('test.mail', { contract: 1 })
const mail2 = slot<Mail2>('test.mail', {
  contract: 2,
  previous: {
    up: (before: Mail1): Mail2 => ({ words: (texts) => void texts.map((text) => before.word(text)) }),
    down: (now): Mail1 => ({ word: (text) => now.words([text]) }),
  },
})
const mail2bare = slot<Mail2>('test.mail', { contract: 2 })
const mail3 = slot<Mail2>('test.mail', { contract: 3, previous: { up: (before: Mail2) => before, down: (now) => now } })

type Mail = Mail1 & Mail2

function provider(token: Slot<never> | Slot<Mail1> | Slot<Mail2>, sent: string[]): Plugin {
  const mail: Mail = { word: (text) => sent.push(`word ${text}`), words: (texts) => sent.push(`words ${texts}`) }
  return definePlugin({
    id: 'test.provider',
    ...basics,
    provides: { mail: token as Slot<Mail> },
    // Each contract has its own methods only: what the other one has is not there.
    setup: () => ({ mail: (token.contract === 1 ? { word: mail.word } : { words: mail.words }) as unknown as Mail }),
  })
}

function user(token: Slot<Mail1> | Slot<Mail2>): Plugin {
  return definePlugin({
    id: 'test.user',
    ...basics,
    requires: { mail: token as Slot<Mail> },
    setup: ({ deps: { mail } }) => (token.contract === 1 ? mail.word('a') : mail.words(['a', 'b'])),
  })
}

function of(...plugins: readonly Plugin[]) {
  return defineDistribution({ name: 'test', version: '1.0.0', plugins, mayAllow: [] })
}

function boot(plugins: readonly Plugin[], more: Partial<KernelRuntime> = {}) {
  return createKernel(of(...plugins), { log: () => quiet, osUser: 'tester', ...more })
}

describe('a slot of another contract', () => {
  it('serves who was built for the contract before', () => {
    const sent: string[] = []
    boot([provider(mail2, sent), user(mail1)])
    expect(sent).toEqual(['words a'])
  })

  it('may be provided by who was built for the contract before', () => {
    const sent: string[] = []
    boot([provider(mail1, sent), user(mail2)])
    expect(sent).toEqual(['word a', 'word b'])
  })

  it('may be wrapped by who was built for the contract before', () => {
    const sent: string[] = []
    const loud = definePlugin({
      id: 'test.loud',
      ...basics,
      wraps: { mail: mail1 },
      setup: ({ inner }) => ({ mail: { word: (text) => inner.mail.word(text.toUpperCase()) } }),
    })
    createKernel(
      { ...of(provider(mail2, sent), user(mail2), loud), wrap: { 'test.mail': ['test.loud'] } },
      { log: () => quiet },
    )
    expect(sent).toEqual(['words A', 'words B'])
  })

  it('serves a host of the contract before, and tells one that is too old or too new', () => {
    const sent: string[] = []
    const kernel = boot([provider(mail2, sent)])
    kernel.service(mail1).word('c')
    expect(sent).toEqual(['words c'])
    expect(() => kernel.service(slot('test.mail', { contract: 4 }))).toThrow(
      expect.objectContaining({ code: 'SLOT_CONTRACT' }),
    )
  })

  const refused: readonly (readonly [string, Slot<Mail1> | Slot<Mail2>, Slot<Mail1> | Slot<Mail2>, RegExp])[] = [
    ['a user two contracts behind', mail3, mail1, /provides contract 3, "test.user" was built for contract 1/],
    ['a provider two contracts behind', mail1, mail3, /Update "test.provider" to a version built for contract 3/],
    ['a user one contract behind without an adapter', mail2bare, mail1, /"test.user" was built for contract 1/],
    ['a user that is ahead without an adapter', mail1, mail2bare, /Update "test.provider"/],
  ]
  it.each(refused)('is refused by name for %s', (_, provided, needed, says) => {
    const { problems } = plan(of(provider(provided, []), user(needed)))
    expect(problems.map(({ code }) => code)).toEqual(['SLOT_CONTRACT'])
    expect(`${problems[0]?.message} ${problems[0]?.help}`).toMatch(says)
  })
})

describe('a collection of another contract', () => {
  const before = collection<string>('test.list', { contract: 1 })
  const now = collection<{ readonly text: string }>('test.list', {
    contract: 2,
    previous: { up: (text: string) => ({ text }), down: ({ text }) => text },
  })
  function read(reader: Collection<never> | Collection<string> | typeof now, giver: typeof reader, item: unknown) {
    let items = (): unknown => undefined
    const owner = definePlugin({
      id: 'test.reader',
      ...basics,
      owns: { list: reader as Collection<unknown> },
      setup: ({ collected }) => {
        items = () => collected.list().map((given) => given.item)
      },
    })
    const adder = definePlugin({
      id: 'test.adder',
      ...basics,
      contributes: { list: giver as Collection<unknown> },
      setup: () => ({ list: [item] }),
    })
    boot([adder, owner])
    return items()
  }

  it('takes the items of who was built for the contract before', () => {
    expect(read(now, before, 'a')).toEqual([{ text: 'a' }])
  })
  it('gives items to who was built for the contract before', () => {
    expect(read(before, now, { text: 'a' })).toEqual(['a'])
  })
})

describe('a hook of another contract', () => {
  interface Seen2 {
    readonly names: readonly string[]
  }
  const before = defineHook.observe<string, 'onLaunched'>('onLaunched', 1)
  const now = defineHook.observe<Seen2, 'onLaunched'>('onLaunched', 2, {
    previous: { up: (name: string) => ({ names: [name] }), down: ({ names }) => names.join() },
  })

  async function heard(fired: typeof before | typeof now, tapped: typeof fired, subject: unknown) {
    const got: unknown[] = []
    const hook = (one: typeof fired) => one as unknown as typeof before
    const teller = definePlugin({
      id: 'test.teller',
      ...basics,
      fires: [hook(fired)],
      setup: ({ hooks, onStart }) => onStart(() => hooks.fire(hook(fired), subject as string)),
    })
    const listener = definePlugin({
      id: 'test.listener',
      ...basics,
      taps: [hook(tapped)],
      setup: ({ hooks }) => hooks.observe(hook(tapped), (value) => void got.push(value)),
    })
    const kernel = boot([teller, listener])
    await kernel.start()
    await kernel.stop()
    return got
  }

  it('tells who was built for the contract before', async () => {
    expect(await heard(now, before, { names: ['a', 'b'] })).toEqual(['a,b'])
  })
  it('is told by who was built for the contract before', async () => {
    expect(await heard(before, now, 'a')).toEqual([{ names: ['a'] }])
  })

  it('two contracts away is refused by name', () => {
    const far = defineHook.guard('beforeToolCall', 3)
    const tap = definePlugin({ id: 'test.tap', ...basics, taps: [far], setup: () => {} })
    expect(plan(of(tap)).problems.map(({ message }) => message)).toEqual([
      'hook "beforeToolCall": "test.tap" was built for contract 3, this kernel has contract 1.',
    ])
  })
})

describe('what will not work for ever', () => {
  function warned(...plugins: readonly Plugin[]): string[] {
    const lines: string[] = []
    boot(plugins, { log: () => ({ ...quiet, warn: (text) => void lines.push(text) }) })
    return lines
  }

  it('warns once of a deprecated plugin', () => {
    const old = definePlugin({
      id: 'test.old',
      ...basics,
      stability: 'deprecated',
      description: 'Moved to test.new.',
      setup: () => {},
    })
    expect(warned(old)).toEqual([
      'plugin "test.old" 1.0.0 is deprecated: Moved to test.new. Move to what it names, or leave it out.',
    ])
  })

  it('warns each plugin once that uses a deprecated token, whichever copy of it says so', () => {
    const saying = slot<Mail1>('test.mail', { contract: 1, deprecated: 'Use "test.post".' })
    expect(warned(provider(saying, []), user(mail1))).toEqual([
      '"test.provider" uses "test.mail", which is deprecated. Use "test.post".',
      '"test.user" uses "test.mail", which is deprecated. Use "test.post".',
    ])
  })

  it('warns who is a contract behind, once for each thing', () => {
    expect(warned(provider(mail2, []), user(mail1))).toEqual([
      expect.stringMatching(/^"test\.user" was built for contract 1/),
    ])
  })

  it('says nothing of what is current', () => {
    const hook: Hook = beforeToolCall
    const guard = definePlugin({
      id: 'test.old',
      ...basics,
      taps: [beforeToolCall],
      setup: ({ hooks }) => hooks.guard(beforeToolCall, ({ input }) => (input === null ? deny('no') : allow())),
    })
    expect(hook.deprecated).toBeUndefined()
    expect(warned(guard, provider(mail2, []), user(mail2))).toEqual([])
  })
})
