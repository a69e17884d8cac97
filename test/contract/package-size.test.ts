import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What a person downloads, in bytes. Raise one only with a reason that the changelog can name. */
const PACKED = 2_600_000
/** Unpacked bytes by what a path starts with; the first that fits counts. */
const BUDGETS: readonly (readonly [start: string, bytes: number])[] = [
  // The command once more, in few files, and the schemas of a start as code: a start takes half the time.
  ['dist/app/', 3_800_000],
  ['dist/kernel/precompiled.cjs', 400_000],
  ['dist/kernel/', 650_000],
  ['dist/client/', 320_000],
  ['dist/connector/', 60_000],
  ['dist/examples/', 300_000],
  ['dist/plugins/', 3_600_000],
  ['docs/', 900_000],
  ['examples/', 600_000],
  ['schemas/', 180_000],
  ['', 60_000],
]

interface Packed {
  readonly size: number
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

describe('the published package', () => {
  let packed: Packed = { size: 0, files: [] }
  beforeAll(() => {
    if (!existsSync(`${ROOT}dist/plugins/bin.js`)) throw new Error('dist is missing: run "npm run build" first')
    const options = { cwd: ROOT, encoding: 'utf8' as const, maxBuffer: 2 ** 26 }
    const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], options)
    packed = (JSON.parse(text) as Packed[])[0] ?? packed
  })

  it('keeps its size budget, part by part', () => {
    const used = new Map<string, number>()
    for (const { path, size } of packed.files) {
      const [start] = BUDGETS.find(([one]) => path.startsWith(one)) ?? ['']
      used.set(start, (used.get(start) ?? 0) + size)
    }
    const over = BUDGETS.filter(([start, bytes]) => (used.get(start) ?? 0) > bytes)
    expect(over.map(([start]) => `${start} ${used.get(start)}`)).toEqual([])
    expect(packed.size).toBeGreaterThan(0)
    expect(packed.size).toBeLessThan(PACKED)
  })

  it('brings no test, no key and nothing of a workspace', () => {
    const paths = packed.files.map(({ path }) => path)
    expect(paths.filter((path) => path.startsWith('test/') || path.startsWith('dist/test/'))).toEqual([])
    expect(
      paths.filter((path) =>
        /(^|\/)(\.cloned|\.env|\.npmrc|node_modules)(\/|$)|\.(pem|key|tgz|tsbuildinfo)$/.test(path),
      ),
    ).toEqual([])
  })
})
