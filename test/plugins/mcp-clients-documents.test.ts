import type { Json } from 'cloned/kernel'
import fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import {
  at,
  type Edit,
  editDocument,
  readDocument,
  Unfit,
  Unreadable,
} from '../../plugins/mcp-clients/documents/document.js'
import { edited } from '../../plugins/mcp-clients/documents/edit.js'

const key = fc.constantFrom('a', 'b', 'mcpServers', 'with space', 'ünï"\\', "it's")
const leaf: fc.Arbitrary<Json> = fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.boolean(), fc.constant(null))
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}))
const object = fc.dictionary(key, value, { maxKeys: 4 })
const trivia = fc.constantFrom('', ' ', '\n', '\r\n\t', '/* , } " */', '// ] , "x\n', '\n  // two\n  /* three */ ')

/** A text that says this, with spaces and comments anywhere and a comma after the last. */
function written(json: Json, gaps: () => string, commas: () => boolean): string {
  const gap = gaps
  const tail = (any: boolean) => (any && commas() ? `,${gap()}` : '')
  if (Array.isArray(json)) {
    return `[${gap()}${json.map((item) => `${written(item, gaps, commas)}${gap()}`).join(`,${gap()}`)}${tail(json.length > 0)}]`
  }
  if (json === null || typeof json !== 'object') return JSON.stringify(json)
  const members = Object.entries(json).map(
    ([name, each]) => `${JSON.stringify(name)}${gap()}:${gap()}${written(each, gaps, commas)}${gap()}`,
  )
  return `{${gap()}${members.join(`,${gap()}`)}${tail(members.length > 0)}}`
}

const texts = fc.tuple(object, fc.array(trivia, { minLength: 1 }), fc.boolean()).map(([json, gaps, comma]) => {
  let i = 0
  return {
    json,
    text: `${gaps[0]}${written(
      json,
      () => gaps[i++ % gaps.length] ?? '',
      () => comma,
    )}\n`,
  }
})
const comments = (text: string) => text.match(/\/\*.*?\*\/|\/\/[^\n]*/g)?.length ?? 0

describe('an edit of JSON with comments', () => {
  it('says what the edit means and keeps every comment, however it is written', () => {
    const edits = fc.array(
      fc.oneof(
        fc.record({ op: fc.constant('set' as const), path: fc.array(key, { minLength: 1, maxLength: 3 }), value }),
        fc.record({ op: fc.constant('append' as const), path: fc.array(key, { minLength: 1, maxLength: 2 }), value }),
        fc.record({
          op: fc.constant('remove' as const),
          path: fc.array(fc.oneof(key, fc.nat(2)), { minLength: 1, maxLength: 3 }),
        }),
      ),
      { minLength: 1, maxLength: 3 },
    )
    let made = 0
    fc.assert(
      fc.property(texts, edits, ({ json, text }, list: readonly Edit[]) => {
        let meant: Json = json
        try {
          for (const edit of list) meant = edited(meant, edit)
        } catch (error) {
          expect(error).toBeInstanceOf(Unfit)
          return
        }
        const after = editDocument(text, 'json', list)
        expect(readDocument(after, 'json')).toEqual(meant)
        made += 1
        const removes = list.some(({ op, path }) => op !== 'append' && at(json, path) !== undefined)
        if (!removes) expect(comments(after)).toBeGreaterThanOrEqual(comments(text))
      }),
      { numRuns: 500 },
    )
    expect(made).toBeGreaterThan(100)
  })

  it('adds to a text what taking away again takes away', () => {
    fc.assert(
      fc.property(object, fc.boolean(), (json, spaced) => {
        fc.pre(!Object.hasOwn(json, 'new') && Object.keys(json).length > 0)
        const text = JSON.stringify(json, null, spaced ? 2 : 0)
        const more = editDocument(text, 'json', [{ op: 'set', path: ['new'], value: { x: [1] } }])
        expect(editDocument(more, 'json', [{ op: 'remove', path: ['new'] }])).toBe(text)
      }),
    )
  })

  it.each([
    ["{a: 'b', \"c\": 'it\\'s \"x\"'}", { a: 'b', c: 'it\'s "x"' }],
    ['\ufeff{ }', {}],
    ['', {}],
  ])('reads %s', (text, meant) => {
    expect(readDocument(text, 'json')).toEqual(meant)
  })

  it.each([
    '{',
    '{"a"}',
    '{"a":}',
    '[1 2]',
    '{"a":1}}',
    '{"__proto__":{}}',
    '"\\x"',
    '{"a":01}',
    '/*',
    'undefined',
    '{,}',
    '"a\nb"',
  ])('refuses %j and repeats nothing of it', (text) => {
    expect(() => readDocument(`${text} `, 'json')).toThrow(Unreadable)
  })

  it('takes time in proportion to a text, closed or not', () => {
    for (const text of [
      '"\\'.repeat(200_000),
      `{"a":"${'x'.repeat(4e6)}`,
      `${' '.repeat(4e6)}{`,
      `/*${'*'.repeat(4e6)}`,
    ]) {
      expect(() => readDocument(text, 'json')).toThrow(Unreadable)
    }
  })
})

describe('an edit of TOML', () => {
  const servers = fc.dictionary(
    fc.constantFrom('a', 'b.c', 'd-e', 'x y'),
    fc.dictionary(fc.constantFrom('K', 'Q R'), fc.string({ maxLength: 6 }), { maxKeys: 2 }),
  )

  it('takes out one table with those below it, and adds one, whatever else there is', () => {
    fc.assert(
      fc.property(servers, fc.constantFrom('a', 'b.c', 'd-e', 'x y'), (all, name) => {
        const tables = Object.entries(all).map(
          ([server, env]) =>
            `[ mcp_servers . ${JSON.stringify(server)} ] # one\ncommand = '''\n[mcp_servers.a]\n'''\nargs = [\n  ["[x]"], # y\n]\n\n  [mcp_servers.${JSON.stringify(server)}.env]\n${Object.entries(
              env,
            )
              .map(([variable, text]) => `${JSON.stringify(variable)} = ${JSON.stringify(text)}\n`)
              .join('')}`,
        )
        const text = `top = "[mcp_servers.a]"\n${tables.join('\n# about the next\n')}\n[[other]]\nx = 1\n[[other]]\nx = 2\n`
        const added = { command: 'c', args: ['d'], env: { E: 'f "g"' } }
        const after = editDocument(text, 'toml', [
          { op: 'remove', path: ['mcp_servers', name] },
          { op: 'set', path: ['mcp_servers', 'cloned'], value: added },
        ])
        const meant = JSON.parse(JSON.stringify(parseToml(text)))
        meant.mcp_servers = { ...meant.mcp_servers, cloned: added }
        delete meant.mcp_servers[name]
        expect(JSON.parse(JSON.stringify(parseToml(after)))).toEqual(meant)
        expect(after).toContain('[[other]]\nx = 1\n[[other]]\nx = 2\n')
      }),
    )
  })

  it.each([
    'mcp_servers = { a = { command = "x" } }\n',
    '[mcp_servers]\na = { command = "x" }\n',
    'mcp_servers.a.command = "x"\n',
  ])('is refused where a table is written inline: %j', (text) => {
    expect(() => editDocument(text, 'toml', [{ op: 'remove', path: ['mcp_servers', 'a'] }])).toThrow(Unfit)
  })
})
