// The command `connectors key`: makes a signing key and the document by which others trust it; it replaces no key.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
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
        writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' })
        writeFileAtomic(document, text, { mode: 0o644 })
      }
      return result(path, document, ctx)
    },
  }
}

type Documents = Pick<ConnectorCommandParts['trust'], 'publisherDocument'>

function first(trust: Documents, ctx: CommandContext, key: KeyObject): string {
  const { publisher, namespace, name } = ctx.options
  if (typeof publisher !== 'string') throw ctx.usageError('--publisher is missing: the id of the publisher')
  return trust.publisherDocument(key, {
    id: publisher,
    name: typeof name === 'string' ? name : publisher,
    namespaces: typeof namespace === 'string' ? namespace.split(',') : [publisher],
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

function result(key: string, document: string, { dryRun }: CommandContext): CommandResult {
  const json = { key, document }
  if (dryRun) return { json, text: `Would write ${key} and ${document}.` }
  return {
    json,
    text: `Wrote ${key}, which nobody else may have, and ${document}, which your users add: cloned trust add FILE`,
  }
}
