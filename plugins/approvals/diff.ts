// Shows what changes between two texts, line by line; must never take longer than a person waits, whatever the texts are.

const MAX_LINES = 5000
/** Edits that are looked for; texts that differ in more are shown as removed and added. */
const MAX_EDITS = 500
const CONTEXT = 3

type Edit = { readonly sign: ' ' | '-' | '+'; readonly line: string }

/** Lines with `-`, `+` or a space before them and `@@` between distant parts. Empty when the texts are equal. */
export function diff(before: string | undefined, after: string): readonly string[] {
  if (before === after) return []
  const [old, now] = [linesOf(before ?? ''), linesOf(after)]
  const size = `${old.length} lines become ${now.length}`
  if (old.length + now.length > MAX_LINES) return [`(too long to compare: ${size})`]
  return hunks(editsOf(old, now))
}

function linesOf(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  else lines.push(`${lines.pop() ?? ''} (no line end)`)
  return lines
}

/** Myers' greedy algorithm between what both texts begin and end with. */
function editsOf(old: readonly string[], now: readonly string[]): readonly Edit[] {
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start++
  let end = 0
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end++
  const same = (line: string): Edit => ({ sign: ' ', line })
  return [
    ...old.slice(0, start).map(same),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...old.slice(old.length - end).map(same),
  ]
}

function middle(a: readonly string[], b: readonly string[]): readonly Edit[] {
  const reach = new Map<number, number>([[1, 0]])
  const trace: Map<number, number>[] = []
  for (let d = 0; d <= Math.min(a.length + b.length, MAX_EDITS); d++) {
    trace.push(new Map(reach))
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1))
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      reach.set(k, x)
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, trace)
    }
  }
  return [...a.map((line): Edit => ({ sign: '-', line })), ...b.map((line): Edit => ({ sign: '+', line }))]
}

function walkBack(a: readonly string[], b: readonly string[], trace: readonly Map<number, number>[]): readonly Edit[] {
  const edits: Edit[] = []
  let [x, y] = [a.length, b.length]
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d] ?? new Map<number, number>()
    const k = x - y
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1))
    const from = down ? k + 1 : k - 1
    const fromX = d === 0 ? 0 : (reach.get(from) ?? 0)
    const fromY = d === 0 ? 0 : fromX - from
    while (x > fromX && y > fromY) {
      edits.push({ sign: ' ', line: a[--x] ?? '' })
      y--
    }
    if (d > 0) edits.push(down ? { sign: '+', line: b[--y] ?? '' } : { sign: '-', line: a[--x] ?? '' })
  }
  return edits.reverse()
}

function hunks(edits: readonly Edit[]): readonly string[] {
  const near = edits.map((_, i) =>
    edits.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some(({ sign }) => sign !== ' '),
  )
  return edits.flatMap(({ sign, line }, i) => {
    if (!near[i]) return []
    return [...(i > 0 && !near[i - 1] ? ['@@'] : []), `${sign} ${line}`]
  })
}
