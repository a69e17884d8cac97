// Says what these artifacts replace, so that the suite of artifacts runs on them.
import { artifactsSuite, type Replacement } from 'cloned/testing'
import acmeArtifacts from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.artifacts',
  composition: { plugins: [acmeArtifacts], replace: { 'cloned.artifacts': 'acme.artifacts' } },
  cases: artifactsSuite,
}
export default replacement
