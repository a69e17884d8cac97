// Gathers the contract kit: the kernel's own suites, and one of every plugin whose slot others may implement.
export * from '../kernel/testing/index.js'
export * from './store/testing.js'
