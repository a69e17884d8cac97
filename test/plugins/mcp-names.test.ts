// Holds the names that tools are shown under to the limits of every client, and to being nobody else's.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NAME_LENGTH, type Named, portableNames } from '../../plugins/mcp/names.js'
import { idPart } from '../../plugins/mcp-upstream/id-part.js'

const named = (...ids: string[]) => Object.fromEntries(portableNames(ids.map((id) => ({ id }))))

const TOOL_ID = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*\.[a-z0-9]+(?:[_-][a-z0-9]+)*@v[1-9]\d{0,5}$/

describe('the name of a tool', () => {
  it.each([
    ['mcp.github.create_issue@v1', undefined, 'github__create_issue'],
    ['connector.acme.http-status.check@v1', undefined, 'acme__http-status__check'],
    ['cloned.internal.artifact.save@v1', undefined, 'artifact__save'],
    ['acme.mail.send@v3', undefined, 'acme__mail__send'],
    ['mcp.files.readfile-0a1b2c3d4e5f@v1', 'readFile', 'files__readFile'],
    ['mcp.files.read-0a1b2c3d4e5f@v1', 'lies/all файл', 'files__lies_all_'],
  ])('of %s (%s) is %s', (id, local, name) => {
    expect([...portableNames([local === undefined ? { id } : { id, local }]).values()]).toEqual([name])
  })

  it('says the version only beside an older one', () => {
    expect(named('a.b@v2')).toEqual({ 'a.b@v2': 'a__b' })
    expect(named('a.b@v2', 'a.b@v1')).toEqual({ 'a.b@v1': 'a__b', 'a.b@v2': 'a__b__v2' })
  })

  it('is taken from both where two would get the same, so that no new tool answers to a known name', () => {
    const names = named('mcp.fs.read@v1', 'connector.fs.read@v1')
    expect(Object.values(names)).not.toContain('fs__read')
    expect(new Set(Object.values(names)).size).toBe(2)
  })

  it('is cut with a hash when it is too long', () => {
    const [name] = Object.values(named(`mcp.server.${'a'.repeat(80)}@v1`))
    expect(name).toMatch(/^server__a+_[0-9a-f]{6}$/)
    expect(name).toHaveLength(NAME_LENGTH)
  })

  it('fits every client and is nobody else’s, also where case is ignored, in any order', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,30}$/)
    const tool = fc.record(
      {
        id: fc
          .tuple(
            fc.constantFrom('mcp', 'connector', 'acme', 'cloned.internal'),
            word,
            word,
            fc.integer({ min: 1, max: 3 }),
          )
          .map(([first, server, name, major]) => `${first}.${server}.${name}@v${major}`),
        local: fc.oneof(fc.constant('Read'), fc.constant('read'), fc.string({ unit: 'grapheme', maxLength: 70 })),
      },
      { requiredKeys: ['id'] },
    )
    fc.assert(
      fc.property(fc.uniqueArray(tool, { selector: ({ id }) => id, maxLength: 60 }), (tools: Named[]) => {
        const names = portableNames(tools)
        for (const name of names.values()) expect(name).toMatch(/^[A-Za-z0-9_-]{1,50}$/)
        expect(new Set([...names.values()].map((name) => name.toLowerCase())).size).toBe(tools.length)
        const turned = portableNames([...tools].reverse())
        for (const [id, name] of names) expect(turned.get(id)).toBe(name)
      }),
    )
  })
})

describe('the part of an id that stands for the name of a server’s tool', () => {
  it.each(['read_file', 'a-b', 'x1'])('is the name itself where it can be: %s', (local) => {
    expect(idPart(local)).toBe(local)
  })

  it('makes an id of any name, and never the same of two', () => {
    const local = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.stringMatching(/^[aA_-]{1,8}$/),
      fc.constantFrom('read', 'Read', 'read ', 'ｒead', 're\u200bad'),
    )
    fc.assert(
      fc.property(fc.uniqueArray(local, { maxLength: 30 }), (locals) => {
        const parts = locals.map(idPart)
        for (const part of parts) expect(`mcp.server.${part}@v1`).toMatch(TOOL_ID)
        expect(new Set(parts).size).toBe(locals.length)
      }),
    )
  })
})
