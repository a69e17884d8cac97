// Makes a home directory with files of clients in it, and runs command lines against it over real plugins.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { definePlugin, use } from 'cloned/kernel'
import { mcpClientsPlugin } from 'cloned/plugins/mcp-clients'
import { vaultPlugin } from 'cloned/plugins/vault'
import { vaultFilePlugin } from 'cloned/plugins/vault-file'
import { initWorkspace } from 'cloned/plugins/workspace'
import { type McpWrap, mcpWrap, upstreamsSlot } from '../../plugins/mcp-upstream/slot.js'
import { mustFit } from '../../plugins/sandbox/fits.js'
import { distributionWith, type Ran, runIn, type Terminal } from './cli-fixture.js'

export const PROGRAM = ['/usr/bin/cloned']

/** A home directory, which is the default workspace too, and a project in it. */
export interface Home {
  readonly home: string
  readonly project: string
  /** Every server that was wrapped, as it was judged. */
  readonly wrapped: readonly McpWrap[]
  /** Everything that was ever printed. */
  readonly printed: string[]
  write(path: string, text: string, mode?: number): string
  read(path: string): string
  run(argv: readonly string[], terminal?: Terminal): Promise<Ran>
  /** Runs `import --write`, approving what waits, until nothing does. */
  importAll(...argv: string[]): Promise<Ran>
  close(): Promise<void>
}

export async function makeHome(configHome?: string): Promise<Home> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'cloned-clients-')))
  const project = join(home, 'project')
  mkdirSync(project)
  initWorkspace(home, { type: 'personal' })
  const wrapped: McpWrap[] = []
  const distribution = distributionWith(
    vaultPlugin,
    vaultFilePlugin,
    upstreams(wrapped),
    use(mcpClientsPlugin, { home, configHome: configHome ?? join(home, '.config'), program: PROGRAM }),
  )
  const printed: string[] = []
  const made: Home = {
    home,
    project,
    wrapped,
    printed,
    write(path, text, mode = 0o600) {
      const absolute = join(home, path)
      mkdirSync(dirname(absolute), { recursive: true })
      writeFileSync(absolute, text, { mode })
      return absolute
    },
    read: (path) => readFileSync(join(home, path), 'utf8'),
    async run(argv, terminal) {
      const ran = await runIn(distribution, project, ['--workspace', home, ...argv], terminal)
      printed.push(ran.out, ran.err)
      return ran
    },
    async importAll(...argv) {
      for (let round = 0; ; round++) {
        const ran = await made.run(['import', '--write', '--json', ...argv])
        if (ran.code !== 4 || round === 20) return ran
        const { servers } = JSON.parse(ran.out) as { servers: { approval?: string }[] }
        for (const approval of new Set(servers.flatMap(({ approval }) => approval ?? []))) {
          await made.run(['approvals', 'approve', approval])
        }
      }
    },
    close: () => rm(home, { recursive: true, force: true }),
  }
  return made
}

/** Stands in for the servers behind the gateway: it notes what would be wrapped. */
function upstreams(wrapped: McpWrap[]) {
  return definePlugin({
    id: 'test.upstreams',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { upstreams: upstreamsSlot },
    executes: [mcpWrap],
    setup({ actions }) {
      actions.execute(mcpWrap, {
        input: { type: 'object' },
        execute(input) {
          const { name: connector, server } = input
          // The real one would start it, and fails where the sandbox takes no such variable.
          const environment = server.kind === 'command' ? server.secrets : {}
          mustFit({ connector, directory: '/', command: [], environment })
          wrapped.push(input)
          return { name: input.name, digest: '0'.repeat(64), tools: 1 }
        },
      })
      return {
        upstreams: {
          servers: () => wrapped.map(({ name }) => ({ name, about: undefined, tools: [] })),
          request: () => Promise.reject(new Error('nothing is relayed here')),
          notify: () => {},
          onNotice: () => () => {},
          attend: () => () => {},
        },
      }
    },
  })
}
