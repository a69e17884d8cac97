// Says what the registry replaces and how the suite of registries gets at one, with real packages in a real workspace.
import { type Replacement, registrySubject, registrySuite } from 'cloned/testing'
import acmeRegistry from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.registry',
  composition: { plugins: [acmeRegistry], replace: { 'cloned.registry': 'acme.registry' } },
  cases: (open) => registrySuite(async () => registrySubject(await open())),
}
export default replacement
