// Names the list of doctor checks; interface and token only.
import { collection } from 'cloned/kernel'

export interface DoctorResult {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to type to mend it. */
  readonly fix?: string
}

export interface DoctorCheck {
  /** `audit.chain`: area and what is checked. */
  readonly id: string
  /** `workspace` (default): left out when the workspace cannot be opened. `nothing`: runs anywhere. */
  readonly needs?: 'workspace' | 'nothing'
  /** Must not change anything. A throw, or no answer in five seconds, is a failed check. */
  run(): Promise<DoctorResult>
}

/** One check and what it found. `skip`: it needs a workspace, and none could be opened. */
export interface DoctorRow extends Omit<DoctorResult, 'level'> {
  readonly id: string
  /** Who contributed it. */
  readonly plugin: string
  readonly level: DoctorResult['level'] | 'skip'
}

/**
 * What `doctor --json` prints: a row for every check, and one about the start of the workspace. Whoever owns the checks brings
 * the command; it runs them side by side, changes nothing, and ends with 1 when something failed, else with 0.
 */
export interface DoctorReport {
  /** Nothing failed. */
  readonly ok: boolean
  readonly failed: number
  readonly warned: number
  readonly checks: readonly DoctorRow[]
}

/** Read by the one plugin that owns it. */
export const doctorChecksCollection = collection<DoctorCheck>('cloned.doctor-checks', { contract: 1 })
