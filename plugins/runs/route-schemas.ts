// Words what the routes of runs take and answer, as JSON Schemas for the OpenAPI document.
export const RUN = {
  title: 'Run',
  type: 'object',
  required: ['id', 'pipeline', 'state', 'steps', 'created_at'],
  properties: {
    id: { type: 'string' },
    pipeline: { type: 'string' },
    pipeline_digest: { type: 'string' },
    state: { enum: ['running', 'waiting', 'paused', 'done', 'failed', 'cancelled'] },
    inputs: { type: 'object' },
    actor: { type: 'object' },
    created_at: { type: 'string', format: 'date-time' },
    ended_at: { type: 'string', format: 'date-time' },
    rerun_of: { type: 'string', description: 'The run whose steps it began with.' },
    steps: { type: 'array', items: { type: 'object' } },
    output: { description: 'What the pipeline names as its output.' },
    error: { type: 'object' },
  },
  examples: [
    {
      id: 'run_0123456789abcdef01234567',
      pipeline: 'docs.link-report/report',
      state: 'done',
      steps: [{ id: 'save', tool: 'cloned.internal.artifact.save@v1', state: 'done' }],
      created_at: '2026-11-22T09:30:00.000Z',
    },
  ],
} as const
export const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, examples: ['run_0123456789abcdef01234567'] } },
} as const
export const PREVIEW = {
  title: 'RunPreview',
  type: 'object',
  description: 'What a dry run answers.',
  required: ['pipeline', 'steps'],
  properties: { pipeline: { type: 'string' }, steps: { type: 'array', items: { type: 'object' } } },
  examples: [{ pipeline: 'docs.link-report/report', steps: [{ id: 'save', verdict: 'ask', reason: 'saves a file' }] }],
} as const
export const START = {
  title: 'RunStart',
  type: 'object',
  additionalProperties: false,
  required: ['pipeline'],
  properties: {
    pipeline: { type: 'string', minLength: 1, maxLength: 256 },
    inputs: { type: 'object', description: 'As the pipeline’s schema says; {} without.' },
    dry_run: { type: 'boolean', description: 'Judges the steps without running any.' },
  },
  examples: [{ pipeline: 'docs.link-report/report', inputs: { directory: 'docs' } }],
} as const
export const RESUME = {
  title: 'RunResume',
  type: 'object',
  additionalProperties: false,
  properties: {
    retry: { type: 'boolean', description: 'Repeats what failed, or whose effect is not known.' },
    happened: {
      type: 'object',
      additionalProperties: false,
      description: 'Takes the step whose effect is not known for done.',
      properties: {
        step: { type: 'string', maxLength: 500, description: 'Its path, where there are several.' },
        output: { description: 'What it answered; null without.' },
      },
    },
  },
  examples: [{ retry: true }],
} as const
export const RERUN = {
  title: 'RunRerun',
  type: 'object',
  additionalProperties: false,
  properties: {
    from: { type: 'string', maxLength: 200, description: 'Takes over what the steps before this one answered.' },
  },
  examples: [{ from: 'save' }],
} as const
export const EMPTY = { type: 'object', additionalProperties: false, properties: {} } as const
