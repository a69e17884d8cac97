// The rules that every doctor keeps, as cases for any test runner; must never rely on how a report is laid out for people.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClonedError, definePlugin } from 'cloned/kernel'
import { type ContractCase, contractCase, type OpenReplaced, type TestWorkspace } from 'cloned/testing'
import { type DoctorCheck, type DoctorReport, type DoctorRow, doctorChecksCollection } from './slot.js'

const BENCH = 'bench.checks'

/** The contract of whoever owns {@link doctorChecksCollection} and brings the command `doctor`. */
export function doctorSuite(open: OpenReplaced): readonly ContractCase[] {
  const rule = (
    name: string,
    checks: readonly DoctorCheck[],
    check: (workspace: TestWorkspace) => Promise<void>,
  ): ContractCase => contractCase(name, () => open({ plugins: [contributing(checks)] }), check)
  return [
    rule('every check has a row that says who brought it and what it found', FOUND, async (workspace) => {
      const { checks } = await examined(workspace)
      assert.deepEqual(ours(checks), [
        { id: 'bench.good', plugin: BENCH, level: 'ok', message: 'all is well' },
        { id: 'bench.odd', plugin: BENCH, level: 'warn', message: 'it is odd', fix: 'bench mend' },
      ])
    }),
    rule('one row for every check of every plugin, and one for the start', FOUND, async (workspace) => {
      const { checks } = await examined(workspace)
      const ids = checks.map(({ id }) => id)
      assert.equal(new Set(ids).size, ids.length)
      assert.ok(ids.length > ours(checks).length)
    }),
    rule('what failed is counted, and decides how the command ends', FAILING, async (workspace) => {
      const { ok, failed, warned, checks } = await examined(workspace)
      const count = (level: string) => checks.filter((row) => row.level === level).length
      assert.deepEqual([ok, failed, warned], [false, count('fail'), count('warn')])
      assert.equal(ours(checks)[0]?.fix, 'bench repair')
    }),
    rule('a check that throws, or answers no result, is a failed row of its plugin', FAULTY, async (workspace) => {
      const rows = ours((await examined(workspace)).checks)
      assert.deepEqual(
        rows.map(({ id, level, plugin }) => [id, level, plugin]),
        FAULTY.map(({ id }) => [id, 'fail', BENCH]),
      )
      const known = rows.find(({ id }) => id === 'bench.known')
      const { message, help } = KNOWN
      assert.deepEqual([known?.message, known?.fix], [message, help])
    }),
    rule('checks run side by side', meeting(), async (workspace) => {
      const rows = ours((await examined(workspace)).checks)
      assert.deepEqual(
        rows.map(({ level }) => level),
        ['ok', 'ok'],
      )
    }),
    rule('a check that does not answer in five seconds is a failed row', [HANGING, ...FOUND], async (workspace) => {
      const rows = ours((await examined(workspace)).checks)
      assert.deepEqual(
        rows.map(({ level }) => level),
        ['fail', 'ok', 'warn'],
      )
    }),
    rule(
      'without a workspace the checks that need one are skipped, and the others run',
      ANYWHERE,
      async (workspace) => {
        const nowhere = join(tmpdir(), 'cloned-no-such-workspace')
        const rows = ours((await examined(workspace, '--workspace', nowhere)).checks)
        assert.deepEqual(
          rows.map(({ id, level }) => [id, level]),
          [
            ['bench.anywhere', 'ok'],
            ['bench.inside', 'skip'],
            ['bench.unsaid', 'skip'],
          ],
        )
      },
    ),
    rule('a workspace that cannot be opened is a failed row with its way out', ANYWHERE, async (workspace) => {
      writeFileSync(join(workspace.root, '.cloned', 'config.yaml'), '{')
      const { ok, checks } = await examined(workspace)
      assert.equal(ok, false)
      assert.ok(checks.some(({ level, fix }) => level === 'fail' && fix !== undefined))
      assert.deepEqual(
        ours(checks).map(({ level }) => level),
        ['ok', 'skip', 'skip'],
      )
    }),
  ]
}

const KNOWN = new ClonedError('STORE_CLOSED', {})

const FOUND: readonly DoctorCheck[] = [
  { id: 'bench.good', run: async () => ({ level: 'ok', message: 'all is well' }) },
  { id: 'bench.odd', run: async () => ({ level: 'warn', message: 'it is odd', fix: 'bench mend' }) },
]

const FAILING: readonly DoctorCheck[] = [
  { id: 'bench.bad', run: async () => ({ level: 'fail', message: 'it is broken', fix: 'bench repair' }) },
]

const FAULTY: readonly DoctorCheck[] = [
  { id: 'bench.junk', run: async () => 'fine' as never },
  { id: 'bench.known', run: () => Promise.reject(KNOWN) },
  { id: 'bench.level', run: async () => ({ level: 'great' as never, message: 'fine' }) },
  { id: 'bench.nothing', run: async () => undefined as never },
  {
    id: 'bench.sync',
    run() {
      throw new Error('at once')
    },
  },
  { id: 'bench.throws', run: () => Promise.reject(new Error('later')) },
]

const HANGING: DoctorCheck = { id: 'bench.asleep', run: () => new Promise(() => {}) }

const ANYWHERE: readonly DoctorCheck[] = [
  { id: 'bench.anywhere', needs: 'nothing', run: async () => ({ level: 'ok', message: 'here' }) },
  { id: 'bench.inside', needs: 'workspace', run: () => assert.fail('there is no workspace') },
  { id: 'bench.unsaid', run: () => assert.fail('there is no workspace') },
]

/** Two checks of which each ends only when the other one has begun. */
function meeting(): readonly DoctorCheck[] {
  const begun = ['bench.one', 'bench.other'].map((id) => {
    let begin = () => {}
    const begins = new Promise<void>((resolve) => {
      begin = resolve
    })
    return { id, begin, begins }
  })
  return begun.map(({ id, begin }, i) => ({
    id,
    async run() {
      begin()
      await begun[1 - i]?.begins
      return { level: 'ok', message: 'met' }
    },
  }))
}

function contributing(checks: readonly DoctorCheck[]) {
  return definePlugin({
    id: BENCH,
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { checks: doctorChecksCollection },
    setup: () => ({ checks }),
  })
}

/** The report, which must agree with the exit code. */
async function examined(workspace: TestWorkspace, ...globals: readonly string[]): Promise<DoctorReport> {
  const { exit, out, err } = await workspace.run(...globals, 'doctor', '--json')
  assert.ok(exit === 0 || exit === 1, err)
  const report = JSON.parse(out) as DoctorReport
  assert.equal(
    report.ok,
    report.checks.every(({ level }) => level !== 'fail'),
  )
  assert.equal(exit, report.ok ? 0 : 1)
  return report
}

/** The rows of the bench, by id. */
function ours(rows: readonly DoctorRow[]): readonly DoctorRow[] {
  return rows.filter(({ plugin }) => plugin === BENCH).sort((a, b) => (a.id < b.id ? -1 : 1))
}
