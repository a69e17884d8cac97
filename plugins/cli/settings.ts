// Decides which settings of plugins the environment names, one plugin at a time; must load nothing, since a hook asks it first.
import { isAbsolute, resolve } from 'node:path'

/** Variables that name a file or directory, by plugin and setting. */
export const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'cloned.vault-file': {
    passphraseFile: 'CLONED_VAULT_PASSPHRASE_FILE',
    identityFile: 'CLONED_VAULT_IDENTITY_FILE',
  },
  'cloned.mcp-clients': {
    configHome: 'XDG_CONFIG_HOME',
    appData: 'APPDATA',
    claudeHome: 'CLAUDE_CONFIG_DIR',
    codexHome: 'CODEX_HOME',
  },
}

/** Settings of one plugin that have a variable set: absolute paths. */
export function settingsOf(
  plugin: string,
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const named = Object.entries(FILES[plugin] ?? {}).flatMap(([setting, variable]) => {
    const file = env[variable]
    // As the XDG rules say: a relative one would name another directory after every `cd`.
    if (variable === 'XDG_CONFIG_HOME' && !isAbsolute(file ?? '')) return []
    return file === undefined || file === '' ? [] : [[setting, resolve(cwd, file)] as const]
  })
  return Object.fromEntries(named)
}

/** Whether the environment tunes plugins beyond {@link settingsOf}: whoever did not load them cannot know how. */
export function isTuned(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return Boolean(env['CLONED_CONFIG'] || env['CLONED_OFF'])
}

/** Whether errors are to be shown with their stacks, and plugins may say everything. */
export function isDebugged(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return Boolean(env['CLONED_DEBUG'])
}
