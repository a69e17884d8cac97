// Decides which sentences of a text give orders to a model instead of describing a tool; must never depend on who wrote it.
import { messagesIn, otherReadings } from './decoded.js'
import { type Finding, ROWS } from './rows.js'

/** A warning not to hand over something: honest tools have it too. */
const WARNED =
  /\b(?:do(?:n't| not)|never|avoid|must not|should not) (?:ever )?(?:include|send|pass|put|provide|share|expose|log|store|paste|commit)\b[^,;:]{0,300}/giu

/** What the sentences of a text do. Empty for a text that describes. */
export function findingsOf(text: string): ReadonlySet<Finding> {
  const found = said(text)
  if (messagesIn(text).length > 0 || otherReadings(text).some((reading) => said(reading).size > 0)) found.add('encoded')
  return found
}

function said(text: string): Set<Finding> {
  const found = new Set<Finding>()
  for (const part of partsOf(text)) {
    const asked = part.replace(WARNED, '')
    for (const [finding, ...patterns] of ROWS) {
      const sentence = finding === 'exfiltration' ? asked : part
      if (!found.has(finding) && patterns.every((pattern) => pattern.test(sentence))) found.add(finding)
    }
  }
  return found
}

const SENTENCE = 400

/** The sentences, and the words of an identifier; long ones cut into overlapping parts, so that what a pattern looks at is bounded. */
export function partsOf(text: string): readonly string[] {
  const spaced = /\s/.test(text) ? text : text.replace(/_+|(?<=[a-z])(?=[A-Z])/g, ' ')
  return spaced
    .replace(/[*`"“”‘]+/g, '')
    .replace(/’/g, "'")
    .split(/(?<=[.!?;])\s+|(?<=[。！？])|\n\s*\n|\n(?=\s*[-*•\d#])/u)
    .map((sentence) => sentence.replace(/\s+/g, ' ').trim())
    .filter((sentence) => sentence !== '')
    .flatMap((sentence) => {
      const cuts: string[] = []
      for (let at = 0; at === 0 || at < sentence.length - SENTENCE / 2; at += SENTENCE / 2)
        cuts.push(sentence.slice(at, at + SENTENCE))
      return cuts
    })
}
