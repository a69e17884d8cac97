// The public entry of the kernel: everything a plugin, a distribution or a host needs, and nothing internal.
export * from './action.js'
export { isDevice } from './actor.js'
export type { Adapter } from './adapter.js'
export * from './config.js'
export * from './contracts.js'
export { type CostFormula, type CostTerm, costOf, type ToolCost } from './cost.js'
export * from './distribution.js'
export { kidOf, publicKeyOf, rawPublicKey, thumbprintOf, unsoundKey, verifyStrictly } from './ed25519.js'
export { ERRORS, type ErrorCode } from './error-table.js'
export * from './errors.js'
export * from './files.js'
export * from './hooks.js'
export * from './json.js'
export { createKernel } from './kernel.js'
export type { Kernel, KernelRuntime, KernelState } from './kernel-contract.js'
export * from './kinds.js'
export * from './lock.js'
export * from './members.js'
export { didYouMean, nearest, suggestion } from './nearest.js'
export * from './outcome.js'
export { outcomeJson } from './outcome-json.js'
export { compilePattern, type Matches } from './pattern.js'
export { type PlanReport, plan, planFailed } from './plan.js'
export {
  type ConfigSchema,
  configSchema,
  definePlugin,
  type GuardAnswer,
  type HookContext,
  type Logger,
  PLUGIN_ID,
  type Plugin,
  type Stability,
} from './plugin.js'
export * from './private-files.js'
export { boundedRegex } from './regex.js'
export { compileSchema, type SchemaProblem, wordProblems } from './schema.js'
export * from './scrubber.js'
export { type Database, openDatabase } from './sqlite.js'
export * from './token.js'
export * from './tool.js'
export { type Allow, type Ask, allow, ask, type Deny, deny, type Verdict, type Vote } from './verdict.js'
export { KERNEL_VERSION } from './version.js'
