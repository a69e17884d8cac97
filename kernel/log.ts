// Writes diagnostics to standard error as lines; never the audit path, never to standard output, and must never throw.
import { describeThrown } from './errors.js'
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

/** The loggers of a host, made safe: one that throws is told of on standard error and changes nothing else. */
export function safeLoggers(make: (plugin: string) => Logger): (plugin: string) => Logger {
  return (plugin) => {
    const guarded =
      (level: keyof Logger): Logger[keyof Logger] =>
      (message, fields) => {
        try {
          make(plugin)[level](message, fields)
        } catch (error) {
          write('error', 'cloned.kernel', `the log of "${plugin}" threw (${describeThrown(error)}): ${message}`)
        }
      }
    return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') }
  }
}
