// Makes keywords of schemas count what they take; one that takes longer than in proportion must never run uncounted.
import type { _, CodeKeywordDefinition, KeywordCxt } from 'ajv/dist/2020.js'
import { canonical, type Json } from './json.js'
import { spend } from './steps.js'

type Ajv2020 = import('ajv/dist/2020.js').Ajv2020
type Template = typeof _

/** Keywords that apply schemas: as many steps as there is in their own value. */
const BY_SCHEMA = [
  ...[
    '$ref',
    '$dynamicRef',
    '$recursiveRef',
    'allOf',
    'anyOf',
    'oneOf',
    'not',
    'if',
    'dependentSchemas',
    'dependencies',
  ],
  ...['properties', 'prefixItems'],
]
/** Keywords that compare with the whole of their value. */
const BY_VALUE = ['enum', 'const']
/** Keywords that may find something wrong with each of their names. */
const BY_NAME = ['required', 'dependentRequired']
/** To word what does not fit takes longer than to see that it fits. */
const WORDING = 4
/** Keywords that go through every item, property or character. */
const BY_ITEM = ['items', 'additionalItems', 'contains', 'unevaluatedItems']
const BY_PROPERTY = [
  ...['additionalProperties', 'patternProperties', 'propertyNames', 'unevaluatedProperties'],
  ...['minProperties', 'maxProperties'],
]
const BY_CHARACTER = ['minLength', 'maxLength']

/** `_` is ajv's own, which is loaded with it. */
export function boundKeywords({ RULES: { all } }: Ajv2020, _: Template): void {
  const counted = (keyword: string, steps: (cxt: KeywordCxt) => ReturnType<Template>) => {
    const rule = all[keyword]
    if (typeof rule !== 'object') return
    const definition = rule.definition as CodeKeywordDefinition
    const { code } = definition
    definition.code = (cxt, type) => {
      const { gen } = cxt
      gen.code(_`${gen.scopeValue('func', { ref: spend, code: _`spend` })}(${steps(cxt)})`)
      code.call(definition, cxt, type)
    }
  }
  // What is wrong so far is copied once more for each schema that is applied by its name.
  for (const keyword of BY_SCHEMA) counted(keyword, ({ schema }) => _`${WORDING + sizeOf(schema)} + (errors >> 3)`)
  for (const keyword of BY_VALUE) counted(keyword, ({ schema }) => _`${WORDING + wholeOf(schema)}`)
  for (const keyword of BY_NAME) counted(keyword, ({ schema }) => _`${WORDING * wholeOf(schema)}`)
  for (const keyword of BY_ITEM) counted(keyword, ({ data }) => _`${WORDING} * ${data}.length`)
  for (const keyword of BY_PROPERTY) counted(keyword, ({ data }) => _`${2 * WORDING} * Object.keys(${data}).length`)
  for (const keyword of BY_CHARACTER) counted(keyword, ({ data }) => _`${data}.length >> 4`)
  const rule = all['uniqueItems']
  if (typeof rule !== 'object') return
  // ajv compares every item with every other one.
  const definition = rule.definition as CodeKeywordDefinition
  definition.code = (cxt) => {
    const { gen, data, schema } = cxt
    if (schema !== true) return
    const twins = gen.const('twins', _`${gen.scopeValue('func', { ref: twinsIn, code: _`twinsIn` })}(${data})`)
    cxt.setParams({ i: _`${twins}[1]`, j: _`${twins}[0]` })
    cxt.fail(_`${twins}.length > 0`)
  }
}

/** How many schemas there are in the value of a keyword. */
function sizeOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}

/** How much there is to go through in a value. */
function wholeOf(value: unknown): number {
  if (typeof value === 'string') return value.length >> 4
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce<number>((sum, each) => sum + 1 + wholeOf(each), 0)
}

/** Two equal items, or none. */
export function twinsIn(items: readonly Json[]): readonly number[] {
  const known = new Map<string, number>()
  for (const [i, item] of items.entries()) {
    const text = canonical(item)
    spend(1 + (text.length >> 3))
    const twin = known.get(text)
    if (twin !== undefined) return [twin, i]
    known.set(text, i)
  }
  return []
}
