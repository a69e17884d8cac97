// Decides which plugin settings the environment stands for; plugins never read it themselves.
import { resolve } from 'node:path'
import type { Distribution, Json } from 'cloned/kernel'

/** Variables that name a file, by plugin and setting. */
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'cloned.vault-file': {
    passphraseFile: 'CLONED_VAULT_PASSPHRASE_FILE',
    identityFile: 'CLONED_VAULT_IDENTITY_FILE',
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
  for (const [plugin, settings] of Object.entries(FILES)) {
    if (!listed.has(plugin)) continue
    const named = Object.entries(settings).flatMap(([setting, variable]) => {
      const file = env[variable]
      return file === undefined || file === '' ? [] : [[setting, resolve(cwd, file)] as const]
    })
    if (named.length > 0) config[plugin] = Object.fromEntries(named)
  }
  return config
}
