// Plays the transcripts of a page as its reader would, in order, in one directory; compares what is printed with what the page says.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Distribution } from 'cloned/kernel'
import { runIn } from '../plugins/cli-fixture.js'
import { ROOT } from './blocks.js'

/** One command of a page with what it prints there, or a file that the page has written. */
export type Step =
  | { readonly at: string; readonly command: string; readonly prints: readonly string[] }
  | { readonly at: string; readonly file: string; readonly text: string }

/** Blocks marked ` ```console run ` and ` ```js file=PATH `, in their order. */
export function stepsOf(page: string): readonly Step[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^```(?:console run|\w+ file=(\S+))\n([\s\S]*?)^```$/gm)].flatMap(
    ({ 1: file, 2: body = '', index }): readonly Step[] => {
      const line = text.slice(0, index).split('\n').length
      if (file !== undefined) return [{ at: `${page}:${line}`, file, text: body }]
      return body
        .trimEnd()
        .split(/^\$ /m)
        .slice(1)
        .map((part, i) => {
          const [command = '', ...prints] = part.trimEnd().split('\n')
          return { at: `${page}:${line} (${i + 1})`, command, prints }
        })
    },
  )
}

const APPROVAL = /\bap_[a-z0-9]{12}\b/
/** What differs from one time to the next. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{64}\b/g, 'HEX'],
  [/(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])/g, 'KEY'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'],
  [/Recorded as number \d+/g, 'Recorded as number N'],
]

/** A reader with an own home, an installed `cloned`, and a current directory. */
export class Reader {
  readonly home = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-reader-')))
  readonly #distribution: Distribution
  /** Ids of approvals: that of the page, that of this time. */
  readonly #ids: [told: string, real: string][] = []
  #cwd = this.home

  constructor(distribution: Distribution) {
    this.#distribution = distribution
    const [modules, bin] = [join(this.home, '.npm/lib/node_modules'), join(this.home, '.npm/bin')]
    for (const directory of [modules, bin]) mkdirSync(directory, { recursive: true })
    symlinkSync(ROOT, join(modules, 'cloned'))
    symlinkSync(join(ROOT, 'dist/plugins/bin.js'), join(bin, 'cloned'))
  }

  /** Does what a step says. Answers whether the page tells what it prints, and what it would have to tell. */
  async play(step: Step): Promise<{ readonly true: boolean; readonly prints: string }> {
    if ('file' in step) {
      const path = join(this.#cwd, step.file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, step.text)
      return { true: true, prints: '' }
    }
    const said = step.prints.join('\n')
    const raw = await this.#run(this.#ids.reduce((text, [told, real]) => text.replaceAll(told, real), step.command))
    const [told, real] = [APPROVAL.exec(said)?.[0], APPROVAL.exec(raw)?.[0]]
    if (told !== undefined && real !== undefined) this.#ids.push([told, real])
    const prints = this.#ids
      .reduce((text, [told, real]) => text.replaceAll(real, told), raw)
      .replaceAll(this.home, '/home/you')
      .replace(new RegExp(`(user:|OS user )${userInfo().username}`, 'g'), '$1you')
    return { true: pattern(alike(said)).test(alike(prints)), prints }
  }

  close(): void {
    // What is unpacked of packages is read-only.
    spawnSync('chmod', ['-R', 'u+w', this.home])
    rmSync(this.home, { recursive: true, force: true })
  }

  async #run(command: string): Promise<string> {
    const moved = /^(?:mkdir (\S+) && )?cd (\S+)$/.exec(command)
    if (moved) {
      if (moved[1] !== undefined) mkdirSync(join(this.#cwd, moved[1]))
      this.#cwd = resolve(this.#cwd, moved[2] ?? '')
      return ''
    }
    // In this process where a shell would add nothing: it is what takes the time.
    if (/^cloned [^|<>$;&]*$/.test(command)) {
      const { out, err } = await runIn(this.#distribution, this.#cwd, words(command).slice(1))
      return `${err}${out}`.trimEnd()
    }
    // npm hands its own settings to what it runs, this test included.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
    const [prefix, path] = [join(this.home, '.npm'), `${join(this.home, '.npm/bin')}${delimiter}${env['PATH']}`]
    const { stdout, stderr } = spawnSync('bash', ['-c', command], {
      cwd: this.#cwd,
      env: {
        ...env,
        HOME: this.home,
        PATH: path,
        npm_config_prefix: prefix,
        npm_config_loglevel: 'error',
        npm_config_update_notifier: 'false',
      },
      encoding: 'utf8',
    })
    return `${stderr}${stdout}`.trimEnd()
  }
}

function alike(text: string): string {
  return VARYING.reduce((changed, [what, by]) => changed.replaceAll(what, by), text)
}

/** `…` stands for anything. */
function pattern(text: string): RegExp {
  const parts = text.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[\\s\\S]*')}$`)
}

/** The words of a command line, without the quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  )
}
