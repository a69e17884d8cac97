// Denies calls whose input holds a payment card number, wherever it stands in it; it allows nothing and repeats nothing.
import { beforeToolCall, definePlugin, deny, type Json } from 'cloned/kernel'

const CARD = /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g

export const leakGuard = definePlugin({
  id: 'acme.leak-guard',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'stable',
  description: 'Keeps payment card numbers out of every tool.',
  taps: [beforeToolCall],
  setup({ hooks }) {
    hooks.guard(beforeToolCall, ({ input }) =>
      holdsCard(input)
        ? deny('its input holds a payment card number', {
            code: 'ACME_LEAK',
            help: 'Pass the token of the card instead.',
          })
        : undefined,
    )
  },
})

function holdsCard(value: Json): boolean {
  if (typeof value === 'number') return holdsCard(String(value))
  if (typeof value === 'string') return (value.match(CARD) ?? []).some((digits) => isCard(digits.replaceAll(/\D/g, '')))
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, member]) => holdsCard(key) || holdsCard(member as Json))
}

/** The check digit (Luhn): a number that is merely long is none. */
function isCard(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const doubled = Number(digit) * (i % 2 === 0 ? 1 : 2)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return sum % 10 === 0
}
