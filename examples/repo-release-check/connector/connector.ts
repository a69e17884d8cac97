// A connector that judges whether a project is ready to be released; it computes only, everything else the host reads for it.
import { defineConnector, defineTool, ToolError } from 'cloned/connector'
import { USUAL } from './licences.js'
import { filesToRead, globsOf } from './places.js'
import { inside, type ListAnswer, listed, objectIn, type Package, plain, type ReadAnswer } from './project.js'
import { reportOf } from './report.js'
import { findingsOf, fixOf, type Project } from './rules.js'
import { tagsOf } from './tags.js'

const text = { type: 'string' } as const
const directory = { ...text, maxLength: 4096, description: 'Of the project, relative to the workspace.' } as const
const strings = { type: 'array', items: text } as const
const found = {
  type: 'array',
  maxItems: 1000,
  description: 'Answers of cloned.internal.fs.list@v1 to the globs.',
  items: {
    type: 'object',
    properties: {
      entries: {
        type: 'array',
        items: { type: 'object', properties: { path: text, kind: text }, required: ['path', 'kind'] },
      },
    },
    required: ['entries'],
  },
} as const
const rest = { risk: 'low', capability: 'compute', idempotent: true, timeoutMs: 30_000 } as const

const globs = defineTool<{ package: string }, { globs: readonly string[] }>({
  ...rest,
  id: 'acme.release.globs',
  version: 1,
  title: 'What to look for',
  description: 'Names the files that the check of a project needs to know of, as globs.',
  input: { type: 'object', properties: { package: text }, required: ['package'], additionalProperties: false },
  output: { type: 'object', properties: { globs: strings }, required: ['globs'], additionalProperties: false },
  run: ({ package: content }) => ({ globs: globsOf(packageIn(content)) }),
})

const files = defineTool<{ directory: string; found: readonly ListAnswer[] }, { read: readonly string[] }>({
  ...rest,
  id: 'acme.release.files',
  version: 1,
  title: 'What to read',
  description: 'Names the files that the check of a project needs to read, of those that were found.',
  input: {
    type: 'object',
    properties: { directory, found },
    required: ['directory', 'found'],
    additionalProperties: false,
  },
  output: { type: 'object', properties: { read: strings }, required: ['read'], additionalProperties: false },
  run: ({ directory: place, found: answers }) => ({ read: filesToRead(listed(answers, plain(place)), plain(place)) }),
})

interface CheckInput {
  readonly directory: string
  readonly package: ReadAnswer
  readonly found: readonly ListAnswer[]
  readonly texts: readonly ReadAnswer[]
  readonly allowed_licences?: readonly string[]
}

const read = {
  type: 'object',
  properties: { path: text, content: text, sha256: text },
  required: ['path', 'content', 'sha256'],
} as const
const finding = {
  type: 'object',
  properties: { level: { enum: ['error', 'warning'] }, rule: text, message: text },
  required: ['level', 'rule', 'message'],
  additionalProperties: false,
} as const

const check = defineTool<CheckInput, unknown>({
  ...rest,
  id: 'acme.release.check',
  version: 1,
  title: 'Check a release',
  description: 'Says what of version, changelog, tags, lock file, licences and named files does not fit together.',
  input: {
    type: 'object',
    properties: {
      directory,
      package: { ...read, description: 'The answer of cloned.internal.fs.read@v1 for package.json.' },
      found,
      texts: { type: 'array', maxItems: 10, items: read, description: 'The same for the files to read.' },
      allowed_licences: { ...strings, maxItems: 200, description: 'SPDX ids that dependencies may have.' },
    },
    required: ['directory', 'package', 'found', 'texts'],
    additionalProperties: false,
  },
  output: {
    type: 'object',
    properties: {
      report: { ...text, description: 'Markdown; the same project gives the same bytes.' },
      errors: { type: 'integer', minimum: 0 },
      warnings: { type: 'integer', minimum: 0 },
      findings: { type: 'array', items: finding },
      fixable: { type: 'boolean', description: 'Whether there is a fix.' },
      fix: {
        description: 'The file that would mend a finding, as it should be; null when there is none.',
        anyOf: [
          { type: 'null' },
          {
            type: 'object',
            properties: { path: text, content: text, why: text },
            required: ['path', 'content', 'why'],
            additionalProperties: false,
          },
        ],
      },
      sources: {
        type: 'array',
        items: {
          type: 'object',
          properties: { uri: text, sha256: text },
          required: ['uri', 'sha256'],
          additionalProperties: false,
        },
      },
    },
    required: ['report', 'errors', 'warnings', 'findings', 'fixable', 'fix', 'sources'],
    additionalProperties: false,
  },
  run: (input) => checked(input),
})

function checked({ directory: place, package: about, found: answers, texts, allowed_licences: allowed }: CheckInput) {
  const where = plain(place)
  const known = listed(answers, where)
  const named = (pattern: RegExp) => texts.find(({ path }) => pattern.test(inside(path, where)))
  const changelog = named(/^(changelog|changes|history)\.md$/i)
  const lock = named(/^package-lock\.json$/)
  const project: Project = {
    package: packageIn(about.content),
    listed: known,
    tags: tagsOf(named(/^\.git\/packed-refs$/)?.content ?? '', known.files),
    allowedLicences: allowed ?? USUAL,
    ...(changelog ? { changelog: { path: changelog.path, content: changelog.content } } : {}),
    ...(lock ? { lock: objectIn(lock.content) } : {}),
  }
  const findings = findingsOf(project)
  const fix = fixOf(project)
  return {
    report: reportOf(project, findings, fix),
    errors: findings.filter(({ level }) => level === 'error').length,
    warnings: findings.filter(({ level }) => level === 'warning').length,
    findings,
    fixable: fix !== undefined,
    fix: fix ?? null,
    sources: [about, ...texts].map(({ path, sha256 }) => ({ uri: `file:${encodeURI(path)}`, sha256 })),
  }
}

function packageIn(content: string): Package {
  const value = objectIn(content)
  if (typeof value !== 'string') return value
  throw new ToolError(`package.json ${value}`, { code: 'PACKAGE_JSON', effect: 'none' })
}

export const connector = defineConnector({
  id: 'acme.release',
  version: '1.0.0',
  publisher: 'acme',
  title: 'Release check',
  description: 'Says whether a project is ready to be released.',
  license: 'MIT',
  tools: [globs, files, check],
})
