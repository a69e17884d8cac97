// The rules for who is told to decide: nobody is given a command that the policy would refuse.
import { describe, expect, it } from 'vitest'
import { howToDecide } from '../../plugins/cli/how-to-decide.js'

const asked = { id: 'ap_1', osUser: 'ann' }
const bob = { id: 'user:bob', roles: [] }

describe('how a request is decided', () => {
  it.each([
    [
      'by the one who asked, where the policy lets it',
      { selfDecision: true, approvers: [] },
      /^cloned approvals approve ap_1 .*deny ap_1$/,
    ],
    [
      'by another user, where it does not',
      { selfDecision: false, approvers: [] },
      /^another operating-system user than ann,/,
    ],
    [
      'by the approvers, where there are some',
      { selfDecision: false, approvers: [bob] },
      /approve ap_1 .* by user:bob .*--key/,
    ],
    ['by the approvers alone, whatever else it says', { selfDecision: true, approvers: [bob] }, /by user:bob/],
    ['by another user, where no policy is known', undefined, /^another operating-system user than ann,/],
  ])('is %s', (_, rules, words) => {
    expect(howToDecide(asked, rules)).toMatch(words)
  })
})
