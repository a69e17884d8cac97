// The tool by itself, against servers that the test plays.
import { runTool } from 'cloned/connector/testing'
import { expect, it } from 'vitest'
import { connector } from './connector.js'

const TOOL = 'acme.http-status.check@v1'

it('tells the status of every link, refusals included', async () => {
  const urls = ['https://example.com/', 'https://docs.example.com/gone', 'https://evil.example/']
  const { output, requests, progress } = await runTool(
    connector,
    TOOL,
    { urls },
    { fetch: ({ url }) => ({ status: url.endsWith('gone') ? 404 : 200 }) },
  )
  expect(output).toEqual({
    checked: [
      { url: urls[0], ok: true, status: 200 },
      { url: urls[1], ok: false, status: 404 },
      { url: urls[2], ok: false, problem: expect.stringContaining('does not declare') },
    ],
  })
  expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([`HEAD ${urls[0]}`, `HEAD ${urls[1]}`])
  expect(progress).toHaveLength(3)
})
