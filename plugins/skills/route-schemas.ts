// Words what the routes of skill packs answer, as JSON Schemas for the OpenAPI document.
const TOOLS = { type: 'array', items: { type: 'string' } } as const

export const PACK = {
  title: 'SkillPack',
  type: 'object',
  required: ['id', 'version', 'title', 'description', 'origin', 'constitution', 'requires', 'pipelines', 'lacking'],
  properties: {
    id: { type: 'string' },
    version: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string' },
    publisher: { type: 'string', description: 'Absent where nobody signed it.' },
    directory: {
      type: 'string',
      description: 'On the machine of the server; empty where a plugin has no files for it.',
    },
    origin: { enum: ['plugin', 'workspace', 'installed'] },
    constitution: { type: 'object', description: 'What its pipelines are held to.' },
    requires: { type: 'object', description: 'Connectors by id, with semver ranges.' },
    pipelines: { type: 'array', items: { type: 'string' } },
    lacking: { type: 'array', items: { type: 'string' }, description: 'What it needs and the workspace has not.' },
  },
  examples: [
    {
      id: 'docs.link-report',
      version: '1.0.0',
      title: 'Link report',
      description: 'Checks the links of a folder',
      origin: 'workspace',
      directory: '/home/ada/notes/.cloned/skills/link-report',
      constitution: { allowedTools: ['cloned.internal.fs.read@v1'] },
      requires: { connectors: {} },
      pipelines: ['docs.link-report/report'],
      lacking: [],
    },
  ],
} as const

export const OFF = {
  title: 'SkillPackOff',
  type: 'object',
  required: ['id', 'version', 'publisher', 'status'],
  properties: {
    id: { type: 'string' },
    version: { type: 'string' },
    publisher: { type: 'string' },
    status: { enum: ['disabled', 'quarantined'] },
    problem: { type: 'string', description: 'Why it is quarantined.' },
  },
  examples: [{ id: 'docs.link-report', version: '1.0.0', publisher: 'docs', status: 'disabled' }],
} as const

export const PIPELINE = {
  title: 'Pipeline',
  type: 'object',
  required: ['id', 'pack', 'pack_version', 'title', 'inputs', 'allowed_tools', 'digest'],
  properties: {
    id: { type: 'string', description: 'What starting a run takes.' },
    pack: { type: 'string' },
    pack_version: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string' },
    inputs: { type: 'object', description: 'JSON Schema of its inputs.' },
    allowed_tools: TOOLS,
    digest: { type: 'string', description: 'SHA-256 of the canonical pipeline.' },
  },
  examples: [
    {
      id: 'docs.link-report/report',
      pack: 'docs.link-report',
      pack_version: '1.0.0',
      title: 'Link report',
      description: 'Checks the links of a folder',
      inputs: { type: 'object' },
      allowed_tools: ['cloned.internal.fs.read@v1'],
      digest: '4f1c…',
    },
  ],
} as const

export const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 100, examples: ['docs.link-report'] } },
} as const
