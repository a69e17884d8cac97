// Writes diagnostics to standard error as lines; never the audit path, and never to standard output.
import type { JsonObject } from './json.js'
import type { Logger } from './plugin.js'

const write = (level: string, plugin: string, message: string, fields?: JsonObject) => {
  process.stderr.write(`${level} ${plugin}: ${message}${fields ? ` ${JSON.stringify(fields)}` : ''}\n`)
}

/** Warnings and errors only. */
export function consoleLogger(plugin: string): Logger {
  return {
    debug: () => {},
    info: () => {},
    warn: (message, fields) => write('warn', plugin, message, fields),
    error: (message, fields) => write('error', plugin, message, fields),
  }
}
