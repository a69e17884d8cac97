// Decides which plugin settings the environment stands for; plugins never read it themselves.
import { isAbsolute, resolve } from 'node:path'
import type { Distribution, Json } from 'cloned/kernel'

/** Variables that name a file or directory, by plugin and setting. */
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
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

/** Configuration for the plugins of the distribution that have a variable set. */
export function environmentConfig(
  { plugins }: Pick<Distribution, 'plugins'>,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Record<string, Json> {
  const listed = new Set(plugins.map((entry) => ('plugin' in entry ? entry.plugin : entry).manifest.id))
  const config: Record<string, Json> = {}
  for (const plugin of Object.keys(FILES).filter((each) => listed.has(each))) {
    const named = settingsOf(plugin, cwd, env)
    if (Object.keys(named).length > 0) config[plugin] = named
  }
  return config
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
