import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { breaks } from './openapi-breaks.js'

const released = parse(readFileSync(new URL('../../docs/api/released/openapi.yaml', import.meta.url), 'utf8'))
// biome-ignore lint/suspicious/noExplicitAny: the document is bent in every way
type Any = any
const call = (doc: Any) => doc.paths['/tools/{id}/call'].post

const BREAKING: readonly (readonly [string, (doc: Any) => void, string])[] = [
  ['a removed path', (doc) => delete doc.paths['/runs/{id}'], '/runs/{id} is gone'],
  ['a removed operation', (doc) => delete doc.paths['/runs'].post, 'POST /runs is gone'],
  [
    'another operation id',
    (doc) => {
      call(doc).operationId = 'invokeTool'
    },
    'POST /tools/{id}/call was callTool, is invokeTool',
  ],
  ['a removed answer', (doc) => delete call(doc).responses['202'], 'POST /tools/{id}/call no longer answers 202'],
  [
    'a removed property of an answer',
    (doc) => delete doc.components.schemas.Run.properties.state,
    'GET /runs/{id} 200 no longer has state',
  ],
  [
    'a property of an answer that may be missing',
    (doc) => doc.components.schemas.Tool.required.splice(0, 1),
    'GET /tools 200/tools[] may now lack id',
  ],
  [
    'another type in an answer',
    (doc) => {
      doc.components.schemas.Budget.properties.used.type = 'string'
    },
    'GET /budgets 200/budgets[]/used was number, is string',
  ],
  [
    'a property of a body that is now needed',
    (doc) => doc.components.schemas.ToolCall.required.push('actor'),
    'POST /tools/{id}/call body now needs actor',
  ],
  [
    'a property of a body that is no longer taken',
    (doc) => delete doc.components.schemas.ToolCall.properties.actor,
    'POST /tools/{id}/call body no longer takes actor',
  ],
  [
    'a parameter that is no longer taken',
    (doc) => {
      doc.paths['/tools'].get.parameters = []
    },
    'GET /tools no longer takes query cursor',
  ],
  [
    'a parameter that is now needed',
    (doc) => {
      for (const one of doc.paths['/tools'].get.parameters) one.required = true
    },
    'GET /tools now needs query limit',
  ],
  [
    'a narrowed choice',
    (doc) => {
      const states = doc.paths['/runs'].get.parameters.find((one: Any) => one.name === 'state')
      states.schema.enum = ['done']
    },
    'GET /runs query state no longer takes running',
  ],
  [
    'a tighter limit',
    (doc) => {
      doc.components.schemas.ToolCall.properties.actor.maxLength = 10
    },
    'POST /tools/{id}/call body/actor has a tighter maxLength',
  ],
  [
    'another type of answer',
    (doc) => {
      const { content } = doc.paths['/metrics'].get.responses['200']
      content['application/json'] = content['text/plain']
      delete content['text/plain']
    },
    'GET /metrics 200 is no longer text/plain',
  ],
]

const HARMLESS: readonly (readonly [string, (doc: Any) => void])[] = [
  ['nothing', () => {}],
  ['a new path', (doc) => Object.assign(doc.paths, { '/new': structuredClone(doc.paths['/runs']) })],
  [
    'a new optional parameter',
    (doc) => doc.paths['/tools'].get.parameters.push({ in: 'query', name: 'x', schema: {} }),
  ],
  ['a new property of an answer', (doc) => Object.assign(doc.components.schemas.Run.properties, { more: {} })],
  [
    'a new optional property of a body',
    (doc) => Object.assign(doc.components.schemas.ToolCall.properties, { more: {} }),
  ],
  ['a looser limit', (doc) => Object.assign(doc.components.schemas.ToolCall.properties.actor, { maxLength: 1000 })],
  ['other words', (doc) => Object.assign(call(doc), { summary: 'Other words' })],
]

describe('the check for breaking changes', () => {
  it.each(BREAKING)('finds %s', (_, bend, expected) => {
    const document = structuredClone(released)
    bend(document)
    expect(breaks(released, document)).toContain(expected)
  })

  it.each(HARMLESS)('lets %s pass', (_, bend) => {
    const document = structuredClone(released)
    bend(document)
    expect(breaks(released, document)).toEqual([])
  })
})
