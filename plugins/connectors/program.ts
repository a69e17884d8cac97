// Says how the program of a package is started, and what of this package it may import.
import { fileURLToPath } from 'node:url'
import type { ConnectorManifest, PackageRuntime, SkillsRuntime } from '../package/slot.js'
import type { SandboxProgram } from '../sandbox/slot.js'

/** The program, still without a way out. */
export function programOf(
  connector: string,
  directory: string,
  runtime: Exclude<PackageRuntime, SkillsRuntime>,
): Omit<SandboxProgram, 'egress'> {
  if (runtime.kind === 'node') return { connector, directory, command: ['node', `./${runtime.entry}`], shared: sdk() }
  // The directory of the package is the current one, wherever that lies.
  return { connector, directory, command: runtime.command.map((part) => part.replaceAll('{dir}', '.')), shared: sdk() }
}

/** Workers that use the SDK ask the host for requests; other programs have what libraries call a proxy. */
export function hasDoor({ runtime, tools }: Pick<ConnectorManifest, 'runtime' | 'tools'>): boolean {
  return runtime.kind === 'command' && tools.some((tool) => tool.egress_hosts.length > 0)
}

/** Directory of this package, from the sources and from dist/ alike. */
export function packageRoot(): string {
  const here = import.meta.url
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../' : '../../../', here))
}

/** `cloned/connector` as this host has it: packages do not carry it. */
function sdk(): NonNullable<SandboxProgram['shared']> {
  return {
    name: 'cloned',
    root: packageRoot(),
    paths: ['package.json', 'dist/connector'],
    modules: { 'cloned/connector': 'dist/connector/index.js' },
  }
}
