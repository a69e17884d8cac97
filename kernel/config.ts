// Decides where the user's own files lie, outside every workspace; the only place besides the CLI that reads the environment.
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * The directory for a user's configuration: `XDG_CONFIG_HOME`, `%APPDATA%` on Windows, else `~/.config`. A relative value
 * is ignored, as the XDG rules say: it would name another directory after every `cd`.
 */
export function configHome(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = process.platform === 'win32' ? env['APPDATA'] : env['XDG_CONFIG_HOME']
  return named !== undefined && isAbsolute(named) ? named : join(homedir(), '.config')
}

/**
 * One variable of the process's environment, for plugins whose configuration names it. An empty one counts as not set.
 * Never for what an agent names.
 */
export function environmentVariable(name: string): string | undefined {
  return process.env[name] || undefined
}
