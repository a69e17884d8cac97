// The contract kit: what a plugin, and an implementation of a slot, must do; runs under any test runner.
export * from './approvals-suite.js'
export * from './audit-suite.js'
export type { ContractCase } from './case.js'
export { type FaultMatrixOptions, type FaultSubject, faultMatrix } from './fault-matrix.js'
export { type MemoryAudit, memoryAudit } from './memory-audit.js'
export { type PluginContractOptions, type PluginSetting, pluginContract } from './plugin-contract.js'
