// The public entry for authors of connectors: defining tools and serving them; no dependency beyond Node.
export * from './define.js'
export { declares, hostOf } from './hosts.js'
export { eachLine, LineTooLong } from './lines.js'
export { draftOf } from './manifest.js'
export * from './protocol.js'
export { serve, serveOn } from './serve.js'
