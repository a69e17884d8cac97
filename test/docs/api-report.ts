// Writes down what each entry point exports, from the built declarations, without comments; it judges none of it.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { builtIns } from 'cloned'
import ts from 'typescript'

const ROOT = new URL('../../', import.meta.url)

/** Report by entry point: `kernel`, `plugins/audit`, … */
export function apiReports(): Readonly<Record<string, string>> {
  const entries = entryPoints()
  const missing = Object.values(entries).find((file) => !existsSync(file))
  if (missing !== undefined) throw new Error(`${missing} is missing: run "npm run build" first`)
  const program = ts.createProgram(Object.values(entries), { skipLibCheck: true, module: ts.ModuleKind.NodeNext })
  return Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, reportOf(program, name, file)]))
}

function entryPoints(): Readonly<Record<string, string>> {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
    exports: Record<string, string | { types: string }>
  }
  const plugins = builtIns.map(({ manifest }) => manifest.id.replace('cloned.', ''))
  return Object.fromEntries(
    Object.entries(exports).flatMap(([path, target]) => {
      if (typeof target === 'string') return []
      const name = path === '.' ? 'cloned' : path.slice(2)
      const names = path.includes('*') ? plugins.map((plugin) => name.replace('*', plugin)) : [name]
      return names.map((one) => [
        one,
        fileURLToPath(new URL(target.types.replace('*', one.replace('plugins/', '')), ROOT)),
      ])
    }),
  )
}

function reportOf(program: ts.Program, name: string, file: string): string {
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  const symbols = module ? [...checker.getExportsOfModule(module)] : []
  const lines = symbols
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((symbol) => declarationOf(checker, symbol))
    .join('\n')
  return `# ${name === 'cloned' ? 'cloned' : `cloned/${name}`}\n\nWritten by \`npm run api\`. A change here is a change for others.\n\n\`\`\`ts\n${lines}\n\`\`\`\n`
}

const printer = ts.createPrinter({ removeComments: true })

function declarationOf(checker: ts.TypeChecker, exported: ts.Symbol): string {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
  const texts = (symbol.declarations ?? []).map((declaration) => {
    // A variable's declaration is the name alone; its statement has the keyword.
    const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
    const text = printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile())
    return text.replace(/^export declare /, '').replace(/^export /, '')
  })
  const renamed = symbol.name === exported.name ? '' : `// as ${exported.name}\n`
  return `${renamed}${texts.join('\n')}`
}
