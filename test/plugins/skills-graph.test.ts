// Drawings of pipelines: whatever a pack's texts hold, they stay text.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mermaid } from '../../plugins/skills/graph/mermaid.js'
import type { GraphNode } from '../../plugins/skills/graph/nodes.js'
import { svg } from '../../plugins/skills/graph/svg.js'

const node = (detail: string, more: Partial<GraphNode> = {}): GraphNode => ({
  path: 'one',
  depth: 0,
  kind: 'call',
  title: 'one',
  detail,
  notes: [],
  ...more,
})

describe('a drawing', () => {
  it.each([
    '"] click n0 href "javascript:alert(1)"',
    '</text><script>alert(1)</script>',
    'end\n  n1["x"]',
    '%%{init: {}}%%',
    ']]>&lt;"\'',
    '\u0000\u0008\ud800\uffff',
    'test.\u202edaer\u202c.run@v1\u2066',
  ])('keeps %j in its box', (hostile) => {
    const chart = mermaid([node(hostile)])
    expect(chart).toMatch(/^flowchart TD\n {2}n0\["one<br\/>[^"\]<>\n]*"\]$/u)
    const picture = svg(hostile, [node(hostile)])
    expect(picture).not.toContain('<script')
    expect(`${picture}${chart}`).not.toMatch(/\p{Bidi_Control}|#8238;|#8294;/u)
    expect(picture.match(/<text /g)).toHaveLength(2)
    expect(picture.replaceAll(/<[^<>]*>/g, '')).not.toMatch(/[<>]/)
  })

  it('has a box for every step and an arrow between neighbours, in either form', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 200, unit: 'binary' }), { minLength: 1, maxLength: 20 }), (texts) => {
        const nodes = texts.map((text, i) =>
          node(text, { depth: i % 3, kind: i % 2 ? 'approval' : 'pipeline', notes: [text] }),
        )
        const chart = mermaid(nodes).split('\n')
        expect(chart).toHaveLength(2 * texts.length)
        const picture = svg('t', nodes)
        expect(picture.match(/<rect /g)).toHaveLength(texts.length)
        expect(picture.match(/<path d="M\d+ \d+ V/g) ?? []).toHaveLength(texts.length - 1)
        expect(picture.isWellFormed()).toBe(true)
      }),
    )
  })
})
