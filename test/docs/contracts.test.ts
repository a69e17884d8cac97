import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exportedTokens, sortOf } from './tokens.js'

const FILE = new URL('../released/contracts.json', import.meta.url)

/** Contract by sort and id. */
async function contracts(): Promise<Readonly<Record<string, number>>> {
  const found = (await exportedTokens()).map(({ token }) => [`${sortOf(token)} ${token.id}`, token.contract] as const)
  return Object.fromEntries(found.sort())
}

describe('the contracts of the last release', async () => {
  const now = await contracts()
  if (process.env['CLONED_WRITE_RELEASED'] === '1') writeFileSync(FILE, `${JSON.stringify(now, null, 2)}\n`)
  const released = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, number>

  it('still work: each is what it was, or one higher with an adapter', async () => {
    const tokens = new Map((await exportedTokens()).map(({ token }) => [`${sortOf(token)} ${token.id}`, token]))
    const broken = Object.entries(released).filter(([name, contract]) => {
      const token = tokens.get(name)
      return (
        !token || !(token.contract === contract || (token.contract === contract + 1 && token.previous !== undefined))
      )
    })
    expect(broken).toEqual([])
  })
})
