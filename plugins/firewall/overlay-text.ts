// Edits the allow rules of one scope in the text of an overlay; whatever else stands there, comments too, stays.
import { ClonedError } from 'cloned/kernel'
import type { YAMLSeq } from 'yaml'
import { pathOf, type RuleFields, type Scope } from './proposal.js'

/** Which rules of which scope. */
export interface Edit {
  readonly scope: Scope
  readonly add: readonly RuleFields[]
  /** Hosts whose allow rules go, all of them. */
  readonly remove: readonly string[]
}

/** The new text, and the hosts of which a rule went. `text` is a valid overlay, or `undefined` for none. */
export async function editOverlay(
  text: string | undefined,
  pack: string,
  { scope, add, remove }: Edit,
): Promise<{ readonly text: string; readonly removed: readonly string[] }> {
  const { Document, isMap, isSeq, parseDocument } = await import('yaml')
  const document = text === undefined ? new Document({ version: 1, pack }) : parseDocument(text)
  const path = [...pathOf(scope), 'allow']
  const rules = document.getIn(path)
  // An alias is a list that stands somewhere else too: an edit here would be one there.
  if (rules !== undefined && !isSeq(rules)) throw new ClonedError('EGRESS_OVERLAY_SHAPE', { place: path.join('.') })
  const removed =
    rules === undefined ? [] : takeOut(rules, (item) => (isMap(item) ? item.get('host') : undefined), remove)
  for (const rule of add) {
    const node = document.createNode(rule)
    node.flow = true
    if (isSeq(document.getIn(path))) document.addIn(path, node)
    else document.setIn(path, document.createNode([node]))
  }
  for (let keys: readonly string[] = path; keys.length > 0; keys = keys.slice(0, -1)) {
    const node = document.getIn(keys)
    if ((isSeq(node) || isMap(node)) && node.items.length === 0) document.deleteIn(keys)
  }
  return { text: document.toString({ lineWidth: 0 }), removed }
}

function takeOut(rules: YAMLSeq, hostOf: (item: unknown) => unknown, hosts: readonly string[]): readonly string[] {
  const gone = hosts.filter((host) => rules.items.some((item) => hostOf(item) === host))
  rules.items = rules.items.filter((item) => !gone.includes(String(hostOf(item))))
  return gone
}
