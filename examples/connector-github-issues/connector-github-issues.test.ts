// The tools by themselves, against answers in the shapes of GitHub's REST API.
import { runTool } from 'cloned/connector/testing'
import { expect, it } from 'vitest'
import { connector } from './connector.js'

const issue = (number: number, more: object = {}) => ({
  number,
  title: `Issue ${number}`,
  state: 'open',
  html_url: `https://github.com/o/r/issues/${number}`,
  user: { login: 'ada' },
  labels: [{ id: 1, name: 'bug', color: 'f00' }],
  ...more,
})
const REPOSITORY = { owner: 'o', repo: 'r' }

it('lists issues, with the token by its slot and never by its value', async () => {
  const body = [issue(1), issue(2, { pull_request: {} }), issue(3, { user: null, labels: ['plain'] })]
  const { output, requests } = await runTool(connector, 'acme.github-issues.list@v1', REPOSITORY, {
    fetch: () => ({ body }),
  })
  expect(output).toEqual({
    issues: [
      {
        number: 1,
        title: 'Issue 1',
        state: 'open',
        url: 'https://github.com/o/r/issues/1',
        author: 'ada',
        labels: ['bug'],
      },
      expect.objectContaining({ number: 3, author: 'ghost', labels: ['plain'] }),
    ],
  })
  expect(requests).toMatchObject([{ host: 'api.github.com', auth: ['token'] }])
  expect(JSON.stringify(requests)).not.toContain('Bearer')
})

it('opens an issue', async () => {
  const input = { ...REPOSITORY, title: 'New' }
  const { output, requests } = await runTool(connector, 'acme.github-issues.open@v1', input, {
    fetch: () => ({ status: 201, body: issue(7, { title: 'New' }) }),
  })
  expect(output).toMatchObject({ number: 7, title: 'New' })
  expect(requests[0]).toMatchObject({ method: 'POST', body: '{"title":"New"}' })
})

it.each([
  [404, 'none'],
  [502, 'unknown'],
])('says of status %i that its effect is %s', async (status, effect) => {
  const ran = runTool(
    connector,
    'acme.github-issues.open@v1',
    { ...REPOSITORY, title: 'x' },
    {
      fetch: () => ({ status, body: { message: 'Not Found' } }),
    },
  )
  await expect(ran).rejects.toMatchObject({ code: 'GITHUB', effect, message: expect.stringContaining(String(status)) })
})
