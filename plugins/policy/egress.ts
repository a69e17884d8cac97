// Lays the egress rules of an overlay on those of its pack; must never decide a request, nor lose where a rule stands.
import type { JsonObject } from 'cloned/kernel'
import type { EgressEntries, PolicyDocument } from './document.js'
import type { Layer } from './merge.js'
import type { ShownRule } from './shown.js'
import type { EgressLists, EgressPolicy, EgressRule } from './slot.js'

/** Every rule of every layer, those of the overlay first. */
export function mergeEgress(layers: readonly Layer[]): EgressPolicy {
  const named = (scope: 'connectors' | 'tools') => {
    const names = layers.flatMap(({ document }) => Object.keys(document.egress?.[scope] ?? {}))
    return Object.fromEntries(
      [...new Set(names)].map((name) => [name, lists(layers, [scope, name], ({ egress }) => egress?.[scope]?.[name])]),
    )
  }
  return {
    global: lists(layers, ['global'], ({ egress }) => egress?.global),
    connectors: named('connectors'),
    tools: named('tools'),
  }
}

function lists(
  layers: readonly Layer[],
  path: readonly string[],
  read: (document: PolicyDocument) => EgressEntries | undefined,
): EgressLists {
  const rules = (list: 'deny' | 'allow'): EgressRule[] =>
    layers.flatMap(({ document, where }) =>
      (read(document)?.[list] ?? []).map((rule, index) => ({
        ...rule,
        at: where(['egress', ...path, list, index], ['egress', ...path, list].join('.')),
      })),
    )
  return { deny: rules('deny'), allow: rules('allow') }
}

/** The rules for people, in the order of the scopes. */
export function shownEgress(egress: EgressPolicy): readonly ShownRule[] {
  return scopes(egress).flatMap(([scope, { deny, allow }]) => [
    ...deny.map((rule) => shown(`egress.${scope}.deny`, rule)),
    ...allow.map((rule) => shown(`egress.${scope}.allow`, rule)),
  ])
}

function shown(section: string, { at, host, ...more }: EgressRule): ShownRule {
  const parts = Object.entries(more).map(([name, values]) => `${name} ${values.join(', ')}`)
  return { section, value: [host, ...parts].join('; '), at }
}

/** The rules without their places, which move with every line above them. */
export function unplacedEgress(egress: EgressPolicy): JsonObject {
  const plain = (rules: readonly EgressRule[]) => rules.map(({ at: _, ...rule }) => rule)
  return Object.fromEntries(
    scopes(egress).map(([scope, { deny, allow }]) => [scope, { deny: plain(deny), allow: plain(allow) }]),
  )
}

function scopes({ global, connectors, tools }: EgressPolicy): (readonly [string, EgressLists])[] {
  return [
    ['global', global],
    ...Object.entries(connectors).map(([id, found]) => [`connectors.${id}`, found] as const),
    ...Object.entries(tools).map(([id, found]) => [`tools.${id}`, found] as const),
  ]
}
