// Walks through the main job in a fresh workspace: a governed run, a denied call, an asked call, and the proof at the end.
import { cp, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { builtIns as all, type Composition, defaultDistribution } from 'cloned'
import { type CliIo, type RunOptions, runCli } from 'cloned/plugins/cli'
import { docsLinkReport } from '../docs-link-report/index.js'

/** One command of the walk and the exit code that it must end with. */
interface Step {
  readonly say: string
  readonly argv: readonly string[]
  readonly exit: number
}

/** How to walk. */
export interface QuickstartOptions {
  /** Prints the commands and makes nothing. */
  readonly dryRun?: boolean
  /** What a person types to start the command line; default `cloned`. */
  readonly program?: string
  /** Ids of the built-in plugins to walk with: a build has only some of them. Default: all. */
  readonly builtIns?: readonly string[]
  /** What is changed in the default distribution; what the walk needs must be left in it. */
  readonly composition?: Composition
  /** What runs a command line. Default: that of `cloned/plugins/cli`. */
  readonly cli?: (options: RunOptions) => Promise<number>
}

const WRITE = 'cloned.internal.fs.write@v1'
const AGENT = ['--actor', 'agent:demo']

/**
 * Runs the walk, printing every command before its output. Answers 0 when each command ended as it must, else 1.
 * Nobody is asked anything: the walk decides its one approval itself, as the user who runs it.
 */
export async function quickstart(
  io: CliIo,
  { dryRun = false, program = 'cloned', builtIns, composition = {}, cli = runCli }: QuickstartOptions = {},
): Promise<number> {
  if (dryRun) {
    const steps = [...ASKING, ...decided('ID')].map((step) => `\n${heading(step)}`)
    io.stdout.write(`In a temporary workspace, with a copy of docs/, these would run:\n${steps.join('\n')}\n`)
    return 0
  }
  const root = await mkdtemp(join(tmpdir(), 'cloned-quickstart-'))
  await cp(packageFile('docs'), join(root, 'docs'), { recursive: true })
  const distribution = defaultDistribution({
    omit: all.map(({ manifest }) => manifest.id).filter((id) => builtIns && !builtIns.includes(id)),
    ...composition,
    plugins: [docsLinkReport, ...(composition.plugins ?? [])],
  })
  const walk = new Walk({ ...io, stdin: nobody() }, (argv, io) => cli({ distribution, argv, io, cwd: root }), root)
  const ok = (await walk.run(ASKING)) && (await walk.run(decided(await walk.pendingApproval())))
  if (ok) io.stdout.write(goOn(root, program))
  return ok ? 0 : 1
}

const ASKING: readonly Step[] = [
  { say: 'A workspace: everything it knows is under .cloned/', argv: ['init', '--type', 'personal'], exit: 0 },
  {
    say: 'A pipeline over real files; every call it makes passes the gate',
    argv: ['run', 'docs.link-report', '--input', '{"directory":"docs"}'],
    exit: 0,
  },
  { say: 'What it saved', argv: ['artifacts', 'list'], exit: 0 },
  {
    say: 'An agent that tries to rewrite its own policy is denied',
    argv: ['call', WRITE, '--input', '{"path":".cloned/policy/personal.yaml","content":"tools: {}"}', ...AGENT],
    exit: 3,
  },
  {
    say: 'A write to the workspace asks first',
    argv: ['call', WRITE, '--input', '{"path":"notes/todo.md","content":"- read the link report\\n"}', ...AGENT],
    exit: 4,
  },
]

function decided(approval: string): readonly Step[] {
  return [
    { say: 'A person decides', argv: ['approvals', 'approve', approval], exit: 0 },
    { say: 'The approved call runs, once', argv: ['call', '--approval', approval], exit: 0 },
    { say: 'Everything above is in the log, and the log is whole', argv: ['audit', 'verify'], exit: 0 },
    { say: 'What this machine has, and what was left out', argv: ['doctor'], exit: 0 },
  ]
}

function heading({ say, argv }: Step): string {
  return `# ${say}\n$ cloned ${argv.map(quoted).join(' ')}`
}

function goOn(root: string, program: string): string {
  const there = `${program} --workspace ${quoted(root)}`
  return `\nThe workspace stays at ${root}\nGo on there:\n  ${there} runs list\n  ${there} audit tail\n  ${program} --help\n`
}

class Walk {
  readonly #io: CliIo
  readonly #cli: (argv: readonly string[], io: CliIo) => Promise<number>
  readonly #root: string

  constructor(io: CliIo, cli: (argv: readonly string[], io: CliIo) => Promise<number>, root: string) {
    this.#io = io
    this.#cli = cli
    this.#root = root
  }

  async run(steps: readonly Step[]): Promise<boolean> {
    for (const step of steps) {
      const { argv, exit } = step
      this.#print(`\n${heading(step)}`)
      const code = await this.#cli(argv, this.#io)
      if (code === exit) continue
      this.#print(`\nThe command ended with exit code ${code}, expected ${exit}. The workspace stays at ${this.#root}`)
      return false
    }
    return true
  }

  async pendingApproval(): Promise<string> {
    const stdout = new PassThrough()
    await this.#cli(['approvals', 'list', '--state', 'pending', '--json'], { ...this.#io, stdout })
    const listed = JSON.parse(String(stdout.read())) as { approvals: { id: string }[] }
    return listed.approvals[0]?.id ?? ''
  }

  #print(text: string): void {
    this.#io.stdout.write(`${text}\n`)
  }
}

/** A standard input where nobody answers. */
function nobody(): CliIo['stdin'] {
  return Object.assign(new PassThrough().end(), { isTTY: false })
}

/** A file of this package, from the sources and from dist/ alike. */
function packageFile(name: string): string {
  const up = import.meta.url.includes('/dist/') ? '../../../' : '../../'
  return fileURLToPath(new URL(`${up}${name}`, import.meta.url))
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
