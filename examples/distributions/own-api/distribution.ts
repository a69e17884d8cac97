// The default distribution with the HTTP API of a stranger in place of the built-in one; it makes no other choice.
import { defaultDistribution } from 'cloned'
import acmeApi from 'cloned-plugin-acme-api'

export default {
  ...defaultDistribution({ plugins: [acmeApi], replace: { 'cloned.api': 'acme.api' } }),
  name: 'acme-own-api',
  version: '1.0.0',
}
