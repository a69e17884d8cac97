// Keeps the policy in force up to date with what was approved; must never put in force what was only edited.
import { type Action, ClonedError, describeThrown, isClonedError, type Logger } from 'cloned/kernel'
import { closedPolicy } from './closed.js'
import { type PackName, parseDocument } from './document.js'
import { compilePolicy, type Effective } from './effective.js'
import type { Judgement } from './judge.js'
import type { Ledger } from './ledger.js'
import { type OverlayFile, OverlayWatch } from './overlay.js'
import type { Policy, PolicySnapshot } from './slot.js'
import type { Known, Standing } from './standing.js'

/** The policy service with what the plugin itself needs of it. */
export interface LivePolicy extends Omit<Policy, 'preview'> {
  decide(action: Action): Judgement
  /** Reads what is in force. Fails with the store, never for what a person can mend: calls are denied instead. */
  start(): Promise<void>
  /** While what was approved is being read again: ends, or fails, with that read. Does not look at the file. */
  reading(): Promise<void> | undefined
  /** What is in force, with places. Throws like `snapshot`. */
  effective(): Effective
  /** Why nothing is in force, when the policy is not proven. */
  unproven(): ClonedError | undefined
  /** The overlay file, in force or not. Throws like `snapshot`. */
  file(): OverlayFile | undefined
  /** Puts in force what this process has just recorded as approved. */
  put(standing: Standing): void
}

/** What a policy is made of. */
export interface PolicyParts {
  readonly pack: PackName
  /** Absolute path of the overlay file. */
  readonly path: string
  /** How people know the file: `.cloned/policy/personal.yaml`. */
  readonly name: string
  readonly ledger: Pick<Ledger, 'begin' | 'read' | 'version'>
  readonly log: Pick<Logger, 'warn'>
  /** Milliseconds that only go forward. Default: those of the process. */
  readonly tick?: () => number
}

/** Makes the policy of one workspace; nothing is allowed until `start` has read what was approved. */
export function createPolicy(parts: PolicyParts): LivePolicy {
  return new Live(parts)
}

/** A change that another process made is in force at the first call that comes so long after it, milliseconds. */
const POLL_MS = 50

class Live implements LivePolicy {
  readonly #parts: PolicyParts
  readonly #watch: OverlayWatch
  readonly #tick: () => number
  #standing: Standing = { state: 'fresh' }
  #version: string | undefined
  /** What was approved cannot be compiled: it is of a newer version. */
  #fault: ClonedError | undefined
  #unproven: ClonedError | undefined
  #effective: Effective
  #snapshot: PolicySnapshot
  /** What was approved may have changed since it was read. */
  #stale = true
  #polledAt = 0
  #reading: Promise<void> | undefined
  #puts = 0

  constructor(parts: PolicyParts) {
    const { pack, path, name, tick = () => performance.now() } = parts
    this.#parts = parts
    this.#tick = tick
    this.#watch = new OverlayWatch({ path, name, check: (text) => void parseDocument(text, { path: name, pack }) })
    this.#effective = closedPolicy(compilePolicy(pack, undefined, name))
    this.#snapshot = Object.freeze({ ...this.#effective.content, epoch: 1, drift: false })
  }

  async start(): Promise<void> {
    this.#watch.look()
    const { ledger, log } = this.#parts
    this.#polledAt = this.#tick()
    try {
      this.#enforce(await ledger.begin())
      this.#version = await ledger.version()
      this.#stale = false
    } catch (error) {
      if (isClonedError(error) && error.code.startsWith('STORE_')) throw error
      // The kernel starts all the same: what mends the log needs it. The next call looks again.
      const problem = `the audit log cannot be used (${describeThrown(error)})`
      this.#enforce({ state: 'unproven', pack: this.#parts.pack, overlay: null, problem })
    }
    if (this.#unproven) log.warn(this.#unproven.message)
    else if (this.#snapshot.drift) log.warn(`${this.#parts.name} is not what was approved and is not in force`)
  }

  snapshot(): PolicySnapshot {
    this.#look()
    this.#check()
    return this.#snapshot
  }

  decide(action: Action): Judgement {
    this.#changed(this.#watch.glance())
    this.#check()
    return this.#effective.judge.action(action)
  }

  effective(): Effective {
    this.#look()
    this.#check()
    return this.#effective
  }

  unproven(): ClonedError | undefined {
    return this.#unproven
  }

  file(): OverlayFile | undefined {
    this.#look()
    return this.#watch.file()
  }

  reading(): Promise<void> | undefined {
    return this.#reading
  }

  put(standing: Standing): void {
    this.#watch.look()
    this.#puts++
    this.#version = undefined
    this.#enforce(standing)
  }

  #check(): void {
    this.#watch.file()
    if (this.#fault) throw this.#fault
  }

  #look(): void {
    this.#changed(this.#watch.look())
  }

  #changed(changed: boolean): void {
    if (changed) {
      this.#stale = true
      if (!this.#fault) this.#enforce(this.#standing)
    }
    if (this.#reading || !(this.#stale || this.#tick() - this.#polledAt >= POLL_MS)) return
    this.#reading = this.#readUntilQuiet().finally(() => {
      this.#reading = undefined
    })
    this.#reading.catch((error: unknown) => {
      this.#parts.log.warn('the approved policy could not be read again; the last one read stays in force', {
        error: describeThrown(error),
      })
    })
  }

  /** Another change while a read is under way may have come too late for that read. */
  async #readUntilQuiet(): Promise<void> {
    const { ledger } = this.#parts
    const polledAt = this.#tick()
    do {
      const stale = this.#stale
      const puts = this.#puts
      this.#stale = false
      try {
        const version = await ledger.version()
        if (!stale && version === this.#version) continue
        const standing = await ledger.read()
        if (puts === this.#puts) {
          this.#enforce(standing)
          this.#version = version
        } else this.#stale = true
      } catch (error) {
        this.#stale = true
        throw error
      }
    } while (this.#stale)
    this.#polledAt = polledAt
  }

  #enforce(standing: Standing): void {
    const { pack, name } = this.#parts
    const known: Known = standing.state === 'fresh' ? { pack, overlay: null } : standing
    const drift = this.#present() !== (known.overlay ?? undefined)
    this.#standing = standing
    this.#unproven =
      standing.state === 'unproven' ? new ClonedError('POLICY_UNPROVEN', { problem: standing.problem }) : undefined
    try {
      // Lines are those of the approved text, which after an edit is not the text in the file.
      const compiled = compilePolicy(known.pack, known.text, drift ? `${name} (as approved)` : name)
      this.#effective = this.#unproven ? closedPolicy(compiled) : compiled
      this.#fault = undefined
    } catch (error) {
      if (!isClonedError(error)) throw error
      this.#fault = error
      return
    }
    const content = { ...this.#effective.content, overlay: known.overlay }
    const { digest, overlay, epoch, drift: drifted } = this.#snapshot
    if (content.digest === digest && content.overlay === overlay && drift === drifted) return
    this.#snapshot = Object.freeze({ ...content, epoch: content.digest === digest ? epoch : epoch + 1, drift })
  }

  /** Digest of the file as it is; a text for one that cannot be used, which is never what was approved. */
  #present(): string | undefined {
    try {
      return this.#watch.file()?.digest
    } catch (error) {
      return describeThrown(error)
    }
  }
}
