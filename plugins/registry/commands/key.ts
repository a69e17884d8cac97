// The command `connectors key`: makes a signing key and the document by which others trust it; it replaces no key.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { writeFileAtomic } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../../cli/slot.js'
import type { ConnectorCommandParts } from './parts.js'

export function keyCommand({ trust }: Pick<ConnectorCommandParts, 'trust'>): Command {
  return {
    name: 'connectors key',
    summary: 'Make a signing key and the document by which others trust it',
    args: [{ name: 'file', description: 'Where the private key goes; the document goes to FILE.json', required: true }],
    options: [
      { flags: '--publisher <id>', description: 'Id of the publisher' },
      {
        flags: '--namespace <names>',
        description: 'Namespaces of its connectors, separated by commas; the id when absent',
      },
      { flags: '--name <name>', description: 'Name for people; the id when absent' },
      { flags: '--into <document>', description: 'Add the key to a document there is, as its next version' },
      { flags: '--catalog', description: 'With --into: a key for indexes of catalogs' },
    ],
    examples: [
      'cloned connectors key acme.pem --publisher acme',
      'cloned connectors key acme-2.pem --into acme.pem.json',
    ],
    needs: 'nothing',
    run: async (ctx) => {
      const path = resolve(ctx.cwd, ctx.args['file'] ?? '')
      const { into } = ctx.options
      const document = typeof into === 'string' ? resolve(ctx.cwd, into) : `${path}.json`
      const { privateKey, publicKey } = generateKeyPairSync('ed25519')
      const text = typeof into === 'string' ? added(trust, ctx, publicKey, document) : first(trust, ctx, publicKey)
      for (const file of typeof into === 'string' ? [path] : [path, document]) {
        if (exists(file)) throw ctx.usageError(`${file} exists already; nothing is replaced`)
      }
      if (!ctx.dryRun) {
        const fd = openSync(path, 'wx', 0o600)
        try {
          writeFileSync(fd, privateKey.export({ type: 'pkcs8', format: 'pem' }))
          writeFileAtomic(document, text, { mode: 0o644 })
        } catch (error) {
          // A key that nobody was told of, or half of one, would only stand in the way.
          rmSync(path, { force: true })
          throw error
        } finally {
          closeSync(fd)
        }
      }
      return result(path, document, text, ctx)
    },
  }
}

/** As schemas/trust_publisher.schema.json has it; a namespace may have dots. */
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/

type Documents = Pick<ConnectorCommandParts['trust'], 'publisherDocument'>

function first(trust: Documents, ctx: CommandContext, key: KeyObject): string {
  const { publisher, namespace, name } = ctx.options
  if (typeof publisher !== 'string') throw ctx.usageError('--publisher is missing: the id of the publisher')
  const names = typeof namespace === 'string' ? namespace.split(',') : [publisher]
  const odd = [publisher, ...names].find((word) => !NAME.test(word))
  if (odd !== undefined)
    throw ctx.usageError(`"${odd}" is no id: lower-case letters, digits and hyphens, such as acme-labs`)
  return trust.publisherDocument(key, {
    id: publisher,
    name: typeof name === 'string' ? name : publisher,
    namespaces: names,
  })
}

function added(trust: Documents, ctx: CommandContext, key: KeyObject, document: string): string {
  if (!exists(document)) throw ctx.usageError(`there is no file ${document}`)
  const use = ctx.options['catalog'] === true ? 'catalog' : 'package'
  return trust.publisherDocument(key, { existing: readFileSync(document, 'utf8'), use })
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function result(key: string, document: string, text: string, { dryRun }: CommandContext): CommandResult {
  const { version, keys } = JSON.parse(text) as { version: number; keys: readonly { kid: string }[] }
  const kid = keys.at(-1)?.kid ?? ''
  const json = { key, document, kid }
  if (dryRun) return { json, text: `Would write ${key} and ${document}.` }
  return {
    json,
    text: [
      `Wrote ${key}, which nobody else may have, and ${document} for your users.`,
      `Key: ${kid}   (say it to them by another way too)`,
      `They take it with: cloned trust ${version === 1 ? 'add' : 'rotate'} ${basename(document)}`,
    ].join('\n'),
  }
}
