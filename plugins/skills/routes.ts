// Skill packs and their pipelines over HTTP; reads only.
import { describeThrown } from 'cloned/kernel'
import type { ApiPart, PageQuery } from '../api/slot.js'
import { readLibrary } from './library.js'
import { mustFindPack, offJson, packJson, pipelineJson } from './render.js'
import { ID, OFF, PACK, PIPELINE } from './route-schemas.js'
import type { ShownParts } from './skills.js'
import type { Skills } from './slot.js'

export function skillsPart(skills: Pick<Skills, 'pipelines'>, parts: ShownParts): ApiPart {
  return {
    tag: 'skills',
    register(app, api) {
      const querystring = { type: 'object', additionalProperties: false, properties: api.pageQuery }
      const config = { scope: 'skills:read' } as const
      app.get<{ Querystring: PageQuery }>('/skills', {
        schema: {
          operationId: 'listSkills',
          summary: 'The skill packs, and what is wrong with those that cannot be read',
          querystring,
          response: {
            200: {
              type: 'object',
              required: ['packs', 'off', 'problems'],
              properties: {
                packs: { type: 'array', items: PACK },
                off: { type: 'array', items: OFF, description: 'Installed packs that may not run; all on every page.' },
                problems: { type: 'array', items: { type: 'string' }, examples: [[]] },
                next: { type: 'string' },
              },
            },
          },
        },
        config,
        handler: async ({ query }) => {
          const { packs, failures } = readLibrary(parts)
          const { items, ...rest } = api.page(packs, query, ({ id }) => id)
          const problems = failures.map((failure) => describeThrown(failure))
          const found = items.map((pack) => packJson(pack, parts))
          return {
            packs: found,
            off: (await parts.off()).map(offJson),
            problems,
            ...rest,
          }
        },
      })
      app.get<{ Params: { id: string } }>('/skills/:id', {
        schema: {
          operationId: 'getSkill',
          summary: 'A skill pack: what it needs and what it is held to',
          params: ID,
          response: { 200: PACK },
        },
        config,
        handler: async ({ params }) => packJson(await mustFindPack(readLibrary(parts), params.id, parts), parts),
      })
      app.get<{ Querystring: PageQuery }>('/pipelines', {
        schema: {
          operationId: 'listPipelines',
          summary: 'The pipelines that can be run here',
          querystring,
          response: {
            200: {
              type: 'object',
              required: ['pipelines'],
              properties: { pipelines: { type: 'array', items: PIPELINE }, next: { type: 'string' } },
            },
          },
        },
        config,
        handler: async ({ query }) => {
          const { items, ...rest } = api.page(await skills.pipelines(), query, ({ id }) => id)
          return { pipelines: items.map(pipelineJson), ...rest }
        },
      })
    },
  }
}
