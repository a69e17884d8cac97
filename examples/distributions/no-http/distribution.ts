// The default distribution without its HTTP API: nothing of it listens, and Fastify is not in the build.
import { defaultDistribution } from 'cloned'

export default {
  ...defaultDistribution({ omit: ['cloned.api', 'cloned.builder', 'cloned.plugin-kit'] }),
  name: 'acme-no-http',
  version: '1.0.0',
}
