// Names what a verification says, and what its process tells while it goes on; types only.

/** One rule that was tried. */
export interface RuleResult {
  /** Reads as a rule. */
  readonly name: string
  /** What was seen instead; absent when the rule is kept. */
  readonly problem?: string
}

/** What the process that loads the package tells. */
export type Told =
  | { readonly rule: RuleResult }
  | { readonly plugin: { readonly id: string; readonly version: string; readonly stability: string } }
  /** What it does now: to blame, when nothing more is heard of it. */
  | { readonly doing: string }
  | { readonly end: true }

/** How it tells: with the word that it alone was given, before it loaded anything. */
export type Message = Told & { readonly word: string }

/** What the process that loads the package has to do. */
export interface Wish {
  /** `import`: load it and do nothing else. `contract`: run the contract. */
  readonly mode: 'import' | 'contract'
  readonly name: string
  /** Names of packages whose plugins it needs. */
  readonly needs: readonly string[]
  readonly hasContract: boolean
  /** A valid configuration of its plugin, as JSON. */
  readonly config?: string
  /** A directory to work in. */
  readonly directory: string
  readonly word: string
}
