// Nothing in this package opens a connection but the firewall, its proxy, the API's listener and its client: every source is read for it.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SOURCES = ['kernel', 'plugins', 'examples', 'connector', 'client']
/**
 * Those that may. The trial inside a sandbox tries to get out; the client runs in programs of others, who have asked it to
 * connect to their server. The receiver of webhooks is somebody else's server. The cases of slots bring a client or a server; hooks
 * and gateways meet at a socket of the workspace.
 */
const DOORS =
  /^(?:client\/|examples\/(?:webhook-receiver|replace\/(?:api|firewall))\/|examples\/replace\/[a-z]+\/contract\.ts$|plugins\/(?:(?:firewall|egress-proxy|api)\/|(?:sandbox-(?:bubblewrap|runtime)\/inside|connectors\/testing|mcp-clients\/hook\/(?:ask|door))\.ts$))/
const MODULES =
  /^(?:node:)?(?:undici|http|http2|https|net|tls|dns|dgram|inspector|cluster)(?:\/|$)|^(?:axios|got|node-fetch|ws|request|superagent)$/
const GLOBALS = new Set(['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest', 'navigator'])

/** What a source could open a connection with. Types open none. */
function waysOut(name: string, text: string): string[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const own = new Set<string>()
  const found: string[] = []
  const module = (node: ts.Node | undefined) => {
    if (node && ts.isStringLiteralLike(node) && MODULES.test(node.text)) found.push(node.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword) {
      module(node.moduleSpecifier)
    }
    if (ts.isExportDeclaration(node) && !node.isTypeOnly) module(node.moduleSpecifier)
    if (ts.isCallExpression(node)) {
      const callee = node.expression.getText()
      if (
        node.expression.kind === ts.SyntaxKind.ImportKeyword ||
        /^(?:require|process\.getBuiltinModule)$/.test(callee)
      ) {
        module(node.arguments[0])
      }
      if (/^process\.(?:binding|_linkedBinding|dlopen)$/.test(callee)) found.push(callee)
    }
    if (
      (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)) &&
      ts.isIdentifier(node.name)
    ) {
      own.add(node.name.text)
    }
    if (ts.isIdentifier(node) && GLOBALS.has(node.text) && isGlobal(node)) found.push(`global ${node.text}`)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found.filter((way) => !own.has(way.replace('global ', '')))
}

/** Not a name of a member or of a type, but for those of the global object. */
function isGlobal({ parent, text }: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(parent) && parent.name.text === text) {
    return /^(?:globalThis|global|self|window)$/.test(parent.expression.getText()) && !ts.isTypeQueryNode(parent.parent)
  }
  if (ts.isElementAccessExpression(parent)) return true
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent) || ts.isTypeQueryNode(parent)) return false
  if (ts.isPropertyAssignment(parent)) return parent.name.getText() !== text
  return !(ts.isPropertySignature(parent) || ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent))
}

const files = SOURCES.flatMap((folder) => {
  try {
    return readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}).filter((name) => /\.[cm]?[jt]s$/.test(name) && !/node_modules|\.test\.ts$/.test(name))

describe('the scanner', () => {
  it.each([
    "import http from 'node:http'",
    "import { connect } from 'net'",
    "export { lookup } from 'node:dns/promises'",
    "const { request } = await import('undici')",
    "const tls = require('node:tls')",
    "process.getBuiltinModule('node:net')",
    "process.binding('tcp_wrap')",
    "await fetch('https://a.test')",
    "globalThis.fetch('https://a.test')",
    'const send = { fetch }',
    "new WebSocket('wss://a.test')",
    'call(fetch)',
    "import ws from 'ws'",
  ])('finds %s', (text) => expect(waysOut('a.ts', text)).toHaveLength(1))

  it.each([
    "import type { Socket } from 'node:net'",
    'firewall.fetch(ctx, url)',
    'type F = typeof globalThis.fetch',
    'interface A { fetch(url: string): void }',
    "type A = Firewall['fetch']",
    "const fetch = opened(); fetch('x')",
    "let undici: typeof import('undici')",
    "import { readFile } from 'node:fs/promises'",
  ])('passes %s', (text) => expect(waysOut('a.ts', text)).toEqual([]))
})

it('no other source has a way out', () => {
  expect(files.length).toBeGreaterThan(250)
  const others = files.filter((name) => !DOORS.test(name))
  const found = others.flatMap((name) =>
    waysOut(name, readFileSync(`${ROOT}${name}`, 'utf8')).map((way) => `${name}: ${way}`),
  )
  expect(found).toEqual([])
})

it('the doors are doors: the scanner sees what they use', () => {
  const doors = files.filter((name) => DOORS.test(name))
  const found = doors.flatMap((name) => waysOut(name, readFileSync(`${ROOT}${name}`, 'utf8')))
  expect(found).toContain('undici')
  expect(found).toContain('node:dns/promises')
})
