// Lists what others may use of the API; a module of its own for each, so that whoever takes one part is not given Fastify.
export { type Answering, type ApiParts, createApi, type OpenApi } from './api.js'
export { assertScope, type Door } from './door.js'
export { type OidcConfig, type OidcRule, oidcPlugin } from './oidc.js'
export { type ApiPluginConfig, apiPlugin } from './plugin.js'
export { outcomeAnswer, type Problem, problemOf } from './problem.js'
export { serveCommand } from './serve-command.js'
export * from './slot.js'
