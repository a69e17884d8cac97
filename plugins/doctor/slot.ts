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

export const doctorChecksCollection = collection<DoctorCheck>('cloned.doctor-checks', { contract: 1 })
