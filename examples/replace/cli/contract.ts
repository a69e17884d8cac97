// Says what the command line replaces, and what runs a line, so that the suite of command lines runs on it.
import { cliSuite, type Replacement } from 'cloned/testing'
import acmeCli, { runLine } from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.cli',
  composition: { plugins: [acmeCli], replace: { 'cloned.cli': 'acme.cli' } },
  cases: cliSuite,
  cli: runLine,
}
export default replacement
