// The command `plugins verify`: runs the rules of plugins against an installed package; it changes nothing but temporary files.
import { ClonedError, type Json } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'

export const verifyCommand: Command = {
  name: 'plugins verify',
  summary: 'Run the contract of plugins against an installed package, which runs its code',
  args: [{ name: 'package', description: 'Name of an installed package, or its directory', required: true }],
  options: [
    { flags: '--config <json>', description: 'A valid configuration of its plugin: JSON, @FILE or -' },
    { flags: '--needs <packages>', description: 'Packages whose plugins it requires, with commas between them' },
  ],
  examples: ['cloned plugins verify cloned-plugin-acme-audit', 'cloned plugins verify . --config @config.json'],
  needs: 'nothing',
  async run(ctx) {
    const [{ findPackage }, { inspect }] = await Promise.all([import('./package-of.js'), loadInspector()])
    const { name, version, from, hasContract, rules } = findPackage(ctx.args['package'] ?? '', ctx.cwd)
    const { config, needs } = ctx.options
    const wish = {
      name,
      hasContract,
      needs: typeof needs === 'string' ? needs.split(',').map((one) => one.trim()) : [],
      ...(config === undefined ? {} : { config: JSON.stringify(await ctx.inputJson(config)) }),
    }
    const watch = { signal: ctx.signal, onRule: (rule: string) => ctx.progress(ctx.printable(`${name}: ${rule}`)) }
    const imported = await inspect(from, { mode: 'import', ...wish }, watch)
    const usable = imported.rules.every(({ problem }) => problem === undefined)
    // What cannot even be imported has no contract to run.
    const ran = usable ? await inspect(from, { mode: 'contract', ...wish }, watch) : { rules: [], plugins: [] }
    const all = [...rules, ...imported.rules, ...ran.rules]
    const broken = all.filter(({ problem }) => problem !== undefined)
    const kept = `${name} ${version}: ${all.length - broken.length} of ${all.length} rules are kept`
    const problems = broken.map(({ name: rule, problem = '' }) => `- ${rule}\n  ${problem}`)
    const document = { package: { name, version }, ok: broken.length === 0, plugins: ran.plugins, rules: all }
    return {
      exit: broken.length === 0 ? 0 : 5,
      json: document as unknown as Json,
      text: broken.length === 0 ? ctx.printable(kept) : '',
      ...(broken.length === 0 ? {} : { problem: ctx.printable([kept, ...problems].join('\n'), { lines: true }) }),
    }
  },
}

async function loadInspector(): Promise<typeof import('./inspect.js')> {
  try {
    return await import('./inspect.js')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new ClonedError('BUILD_IN_BUILD', { what: 'verify packages', command: 'plugins verify' }, { cause })
  }
}
