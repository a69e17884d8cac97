// Makes of a client's server one behind the gateway: the command or address that is wrapped, and the secrets beside it.
import type { ServerSpec } from '../mcp-upstream/slot.js'
import { TAKEN_VARIABLE, VARIABLE_NAME } from '../sandbox/slot.js'
import type { Found } from './entry.js'
import { findProgram, goneIn, type Machine, pathsIn } from './program.js'
import { addressHoldsSecret, isSetting, reference, splitWords } from './secrets.js'

/** A value that goes into the vault, and from there into one place. */
export interface SecretPart {
  /** Name in the vault. */
  readonly name: string
  /** Where it stood: `env GITHUB_TOKEN`, `header authorization`, `argument 3`. */
  readonly where: string
  /** `env:NAME` or `header:name`. */
  readonly slot: string
  /** Absent where the client fills it in, as `reference` says: a person has to type it. */
  readonly value: string | undefined
  readonly reference: string | undefined
}

/** What would be wrapped. */
export interface Wrappable {
  readonly kind: 'wrap'
  readonly server: ServerSpec
  readonly secrets: readonly SecretPart[]
  /** The command or address as the client has it, secrets left out. */
  readonly shown: readonly string[]
  readonly notes: readonly string[]
}

export type Made = Wrappable | { readonly kind: 'left'; readonly why: string; readonly shown?: readonly string[] }

/** Name of a secret in the vault. */
export function secretName(server: string, field: string): string {
  const name = `${server}.${field.toLowerCase().replace(/[^a-z0-9_-]+/g, '-')}`
  return name.slice(0, 64).replace(/[.-]+$/, '')
}

/** What a person gives to a server besides what its command names: hosts, and absolute paths that it may write. */
export interface Granted {
  readonly hosts: readonly string[]
  readonly writes: readonly string[]
}

export function makeServer(
  name: string,
  found: Exclude<Found, { kind: 'left' }>,
  granted: Granted,
  machine: Machine,
): Made {
  return found.kind === 'url' ? makeUrl(name, found) : makeCommand(name, found, granted, machine)
}

function makeUrl(name: string, { url, headers, dropped }: Extract<Found, { kind: 'url' }>): Made {
  if (!URL.canParse(url)) return { kind: 'left', why: 'its address is not a URL' }
  const filled = reference(url)
  if (filled !== undefined) return { kind: 'left', why: `its address holds ${filled}, which only the client fills in` }
  if (addressHoldsSecret(url)) {
    return { kind: 'left', why: 'its address holds a secret, and servers get secrets in headers only' }
  }
  const secrets = Object.entries(headers).map(([header, text]): SecretPart & { header: string; format?: string } => {
    const [, scheme, rest] = /^(Bearer|Basic|Token) +([\s\S]+)$/i.exec(text) ?? []
    const value = rest ?? text
    const key = header.toLowerCase()
    return {
      header: key,
      name: secretName(name, key),
      where: `header ${key}`,
      slot: `header:${key}`,
      value: reference(value) === undefined ? value : undefined,
      reference: reference(value),
      ...(scheme === undefined ? {} : { format: `${scheme} {secret}` }),
    }
  })
  const sent = secrets.map(
    ({ header, name: secret, format }) => [header, format === undefined ? { secret } : { secret, format }] as const,
  )
  return {
    kind: 'wrap',
    server: { kind: 'url', url, headers: Object.fromEntries(sent) },
    secrets,
    shown: [url],
    notes: [
      ...lost(dropped),
      `unless the policy allows it already: cloned firewall allow ${new URL(url).hostname} --connector mcp.${name} --method POST`,
    ],
  }
}

function makeCommand(
  name: string,
  { command, env, cwd, dropped }: Extract<Found, { kind: 'command' }>,
  { hosts, writes }: Granted,
  machine: Machine,
): Made {
  const words = splitWords(command)
  const shown = words.map(({ prefix, secret, mixed }) =>
    secret === undefined && !mixed ? prefix : `${prefix}[secret]`,
  )
  const left = (why: string): Made => ({ kind: 'left', why, shown })
  const settings = Object.entries(env).filter(([variable, text]) => isSetting(variable, text))
  const filled = [...command, ...settings.map(([, text]) => text)].map(reference).find((each) => each !== undefined)
  if (filled !== undefined) return left(`its command holds ${filled}, which only the client fills in`)
  const mixed = words.findIndex((word) => word.mixed)
  if (mixed >= 0) return left(`its argument ${mixed} holds a secret among other things; give that by its environment`)
  const program = findProgram(command, machine)
  if (program.kind === 'missing') return left(program.why)
  // The program may have taken the place of several words; those after it are still the last ones.
  const rest = words.slice(words.length - program.args)
  const secrets: SecretPart[] = Object.entries(env)
    .filter(([variable, text]) => !isSetting(variable, text))
    .map(
      ([variable, text]): SecretPart => ({
        name: secretName(name, variable),
        where: `env ${variable}`,
        slot: `env:${variable}`,
        value: reference(text) === undefined ? text : undefined,
        reference: reference(text),
      }),
    )
  const started: string[] = []
  for (const [i, { prefix, secret }] of rest.entries()) {
    if (secret === undefined) {
      started.push(singleQuoted(prefix))
      continue
    }
    const variable = `HIDDEN_ARGUMENT_${i + 1}`
    started.push(`${prefix === '' ? '' : singleQuoted(prefix)}"$${variable}"`)
    const field = `argument-${i + 1}`
    secrets.push({
      name: secretName(name, field),
      where: `argument ${i + 1}`,
      slot: `env:${variable}`,
      value: secret,
      reference: undefined,
    })
  }
  const taken = secrets.find(({ slot }) => refusesVariable(slot.slice('env:'.length)))
  if (taken) return left(`its ${taken.where} holds a secret, and no program is given that variable here`)
  const hidden = rest.some(({ secret }) => secret !== undefined)
  const plain = rest.map(({ prefix }) => prefix)
  // What is no secret stands in the command, where whoever approves it sees it.
  const set =
    settings.length === 0 ? [] : ['/usr/bin/env', ...settings.map(([variable, text]) => `${variable}=${text}`)]
  const gone = goneIn([...program.command, ...plain])
  if (gone !== undefined) return left(`it starts ${gone}, which is not there`)
  const named = [...program.command, ...plain, ...settings.map(([, text]) => text)]
  const paths = pathsIn(named, { cwd, writes, reserved: machine.reserved })
  if (paths.reserved !== undefined) {
    return left(`it would get at ${paths.reserved}, which holds the workspace's own files; name directories in it`)
  }
  return {
    kind: 'wrap',
    server: {
      kind: 'command',
      // A command of the audit log and of approvals never holds a secret: a shell puts it in from the environment.
      command: hidden
        ? ['/bin/sh', '-c', `exec ${[...[...set, ...program.command].map(singleQuoted), ...started].join(' ')}`]
        : [...set, ...program.command, ...plain],
      secrets: Object.fromEntries(secrets.map(({ slot, name: secret }) => [slot.slice('env:'.length), secret])),
      ...(paths.cwd === undefined ? {} : { cwd: paths.cwd }),
      read: sorted(paths.read),
      write: sorted(paths.write),
      hosts: sorted(hosts),
    },
    secrets,
    shown,
    notes: [
      ...lost(dropped),
      ...paths.missing.map((path) => `${path} is not there, and it will not see it: make it, or --writes ${name}=PATH`),
      ...paths.files.map((path) => `it may not write ${path}: let it with --writes ${name}=PATH`),
      ...(hosts.length === 0 ? [`it reaches no host: name those it needs with --hosts ${name}=HOST`] : []),
    ],
  }
}

/** Asked before anybody is asked about the secret: the sandbox would refuse it only after that. */
function refusesVariable(name: string): boolean {
  return !VARIABLE_NAME.test(name) || TAKEN_VARIABLE.test(name)
}

function lost(dropped: readonly string[]): readonly string[] {
  return dropped.length === 0 ? [] : [`not taken over: ${dropped.join(', ')}`]
}

function singleQuoted(word: string): string {
  return word === '' || !/^[\w@%+=:,./-]+$/.test(word) ? `'${word.replaceAll("'", `'\\''`)}'` : word
}

function sorted(list: readonly string[]): readonly string[] {
  return [...new Set(list)].sort()
}
