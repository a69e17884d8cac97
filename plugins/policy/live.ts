// Keeps the policy in force up to date with what was approved; must never put in force what was only edited.
import { type Action, type ClonedError, describeThrown, isClonedError, type Logger } from 'cloned/kernel'
import type { Applied, AppliedOverlays } from './applied.js'
import { type PackName, parseDocument } from './document.js'
import { compilePolicy, type Effective } from './effective.js'
import type { Judgement } from './judge.js'
import { type OverlayFile, OverlayWatch } from './overlay.js'
import type { Policy, PolicySnapshot } from './slot.js'

/** The policy service with what the plugin itself needs of it. */
export interface LivePolicy extends Policy {
  decide(action: Action): Judgement
  /** Reads what is in force. Fails with the store, never for a file that a person can mend: calls are denied instead. */
  start(): Promise<void>
  /** While what was approved is being read again: ends, or fails, with that read. Does not look at the file. */
  reading(): Promise<void> | undefined
  /** What is in force, with places. Throws like `snapshot`. */
  effective(): Effective
  /** The overlay file, in force or not. Throws like `snapshot`. */
  file(): OverlayFile | undefined
  /** Puts in force what this process has just recorded as approved. */
  put(applied: Applied): void
}

/** What a policy is made of. */
export interface PolicyParts {
  readonly pack: PackName
  /** Absolute path of the overlay file. */
  readonly path: string
  /** How people know the file: `.cloned/policy/personal.yaml`. */
  readonly name: string
  readonly applied: Pick<AppliedOverlays, 'read'>
  readonly log: Pick<Logger, 'warn'>
}

/** Makes the policy of one workspace; the pack alone is in force until `start` has read what was approved. */
export function createPolicy(parts: PolicyParts): LivePolicy {
  return new Live(parts)
}

class Live implements LivePolicy {
  readonly #parts: PolicyParts
  readonly #watch: OverlayWatch
  #applied: Applied | undefined
  /** What was approved cannot be used: the row is damaged, or of a newer version. */
  #fault: ClonedError | undefined
  #effective: Effective
  #snapshot: PolicySnapshot
  /** What was approved may have changed since it was read. */
  #stale = true
  #reading: Promise<void> | undefined
  #puts = 0

  constructor(parts: PolicyParts) {
    const { pack, path, name } = parts
    this.#parts = parts
    this.#watch = new OverlayWatch({ path, name, check: (text) => void parseDocument(text, { path: name, pack }) })
    this.#effective = compilePolicy(pack, undefined, name)
    this.#snapshot = Object.freeze({ ...this.#effective.content, epoch: 1, drift: false })
  }

  start(): Promise<void> {
    this.#watch.look()
    return this.#read()
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

  file(): OverlayFile | undefined {
    this.#look()
    return this.#watch.file()
  }

  reading(): Promise<void> | undefined {
    return this.#reading
  }

  put(applied: Applied): void {
    this.#watch.look()
    this.#puts++
    this.#enforce(applied)
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
      if (!this.#fault) this.#enforce(this.#applied)
    }
    if (!this.#stale || this.#reading) return
    this.#read().catch((error: unknown) => {
      this.#parts.log.warn('the approved policy could not be read again; the last one read stays in force', {
        error: describeThrown(error),
      })
    })
  }

  #read(): Promise<void> {
    this.#reading = this.#readUntilQuiet().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** Another change while a read is under way may have come too late for that read. */
  async #readUntilQuiet(): Promise<void> {
    while (this.#stale) {
      this.#stale = false
      const puts = this.#puts
      try {
        const applied = await this.#parts.applied.read(this.#parts.pack)
        if (puts === this.#puts) this.#enforce(applied)
        else this.#stale = true
      } catch (error) {
        if (!isClonedError(error) || error.code !== 'FILE_INVALID') {
          this.#stale = true
          throw error
        }
        this.#fault = error
      }
    }
  }

  #enforce(applied: Applied | undefined): void {
    const { pack, name } = this.#parts
    const drift = this.#present() !== applied?.digest
    // Lines are those of the approved text, which after an edit is not the text in the file.
    const effective = compilePolicy(pack, applied?.content, drift ? `${name} (as approved)` : name)
    const { digest, overlay, epoch, drift: drifted } = this.#snapshot
    this.#applied = applied
    this.#fault = undefined
    this.#effective = effective
    const { content } = effective
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
