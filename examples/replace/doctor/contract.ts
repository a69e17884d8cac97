// Says what the doctor replaces; the suite reaches it by its command, in a real workspace.
import { doctorSuite, type Replacement } from 'cloned/testing'
import acmeDoctor from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.doctor',
  composition: { plugins: [acmeDoctor], omit: ['cloned.doctor'] },
  cases: doctorSuite,
}
export default replacement
