// The rules for the firewall commands: what they propose is the policy's to decide, and what is wrong is never proposed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { defaultDistribution, initWorkspace } from 'cloned'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runIn, type Terminal } from './cli-fixture.js'

const FETCH = 'cloned.internal.http.fetch@v1'
const DISTRIBUTION = defaultDistribution()

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloned-firewall-commands-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const overlay = () => join(root, '.cloned', 'policy', 'personal.yaml')
const run = (words: string, terminal?: Terminal) =>
  runIn(DISTRIBUTION, root, ['--workspace', root, ...words.split(' ')], terminal)

async function json(words: string) {
  const { code, out, err } = await run(`${words} --json`)
  return { code, err, json: JSON.parse(out) as Record<string, unknown> }
}

/** Runs a command that asks, and approves. */
async function approved(words: string): Promise<Record<string, unknown>> {
  const asked = await json(words)
  expect(asked, words).toMatchObject({ code: 4, json: { status: 'pending' } })
  const decided = await run(`approvals approve ${String(asked.json['approval_id'])}`)
  expect(decided, words).toMatchObject({ code: 0 })
  return asked.json
}

const explained = async (words: string) => (await json(`firewall explain ${words}`)).json

describe('firewall allow', () => {
  it('opens an approval, changes nothing before it is given, and is in force after', async () => {
    const url = `https://docs.example.com/a --tool ${FETCH}`
    const asked = await json(`firewall allow docs.example.com --tool ${FETCH} --method GET,HEAD --reason reading`)
    expect(asked).toMatchObject({
      code: 4,
      json: {
        status: 'pending',
        approval_id: expect.stringMatching(/^ap_/),
        added: [{ host: 'docs.example.com', methods: ['GET', 'HEAD'] }],
      },
    })
    expect(await explained(url)).toMatchObject({ allowed: false, code: 'NO_RULE' })
    const shown = await run(`approvals show ${String(asked.json['approval_id'])}`)
    expect(shown.out).toContain('docs.example.com')
    await run(`approvals approve ${String(asked.json['approval_id'])}`)
    expect(await explained(url)).toMatchObject({
      allowed: true,
      rule: expect.stringContaining(`egress.tools.${FETCH}`),
    })
    expect(await explained(`${url} --method POST`)).toMatchObject({ allowed: false, code: 'METHOD' })
    expect(await explained('https://docs.example.com/ --tool other.tool@v1')).toMatchObject({ allowed: false })
  })

  it('is what a denial says to type, and what is typed so allows what was denied', async () => {
    for (const url of [
      'https://a.example.com/',
      'http://a.example.com:8080/x',
      'http://127.0.0.1:9/',
      'https://[2606:4700::1111]:8443/',
    ]) {
      const { next } = (await explained(`${url} --method DELETE`)) as { next: string }
      const command = /cloned (firewall allow .*?) \(an agent/.exec(next)?.[1]?.replaceAll("'", '') ?? next
      await approved(command)
      expect(await explained(`${url} --method DELETE`), url).toMatchObject({ allowed: true })
    }
  })

  it('keeps what a person wrote: comments, order, other rules', async () => {
    const text = `# Mine.
version: 1
pack: personal
tools:
  deny:
    - acme.bad.tool@v1 # never
egress:
  # Docs.
  global:
    allow:
      - host: a.test # first
`
    mkdirSync(dirname(overlay()), { recursive: true })
    writeFileSync(overlay(), text)
    const adopted = await json('policy adopt')
    expect(adopted.code).toBe(4)
    await run(`approvals approve ${(adopted.json['approval'] as { id: string }).id}`)
    await approved('firewall allow b.test c.test')
    const after = readFileSync(overlay(), 'utf8')
    for (const line of text.trimEnd().split('\n')) expect(after).toContain(line)
    expect(after).toContain('- host: a.test # first\n      - { host: b.test }\n      - { host: c.test }\n')
    await approved('firewall remove b.test c.test')
    const back = readFileSync(overlay(), 'utf8')
    for (const line of text.trimEnd().split('\n')) expect(back).toContain(line)
    expect(back).not.toMatch(/host: [bc]\.test/)
  })

  it('--dry-run shows the merged overlay and opens nothing', async () => {
    const { code, json: shown } = await json('firewall allow docs.example.com --dry-run')
    expect({ code, ...shown }).toMatchObject({
      code: 0,
      status: 'dry-run',
      verdict: 'ask',
      content: expect.stringContaining('- { host: docs.example.com }'),
    })
    expect((await run('firewall allow docs.example.com --dry-run')).out).toContain('host: docs.example.com')
    expect((await json('approvals list')).json['approvals']).toEqual([])
  })

  it('is refused with exit 2, the reason, and nothing opened', async () => {
    const rows: readonly [string, RegExp][] = [
      ['*.com', /different owners/],
      ['*.co.uk', /different owners/],
      ['*.github.io', /different owners/],
      ['8.8.8.8', /address without a port/],
      ['10.0.0.1', /without naming ports/],
      ['169.254.169.254 --port 80', /never contacted/],
      ['nas.example.com --address 10.0.0.0/8', /without naming ports/],
      ['nas.example.com --address 10.0.0.0/8 --port 6443', /controls a private network/],
      ['bücher.example', /xn--bcher-kva\.example/],
      ['еxample.com', /xn--/],
      ['EXAMPLE.com', /one spelling: example\.com/],
      ['intranet', /something else on every machine/],
      ['a.test:443', /no host name has/],
      ['https://a.test/', /no host name has/],
      ['a.test --scheme ftp', /--scheme takes/],
      ['a.test --port 0', /--port takes/],
      ['a.test --method CONNECT', /--method takes/],
      ['a.test --tool acme.tool', /needs a version/],
      [`a.test --tool ${FETCH} --connector mail`, /two scopes/],
      ['a.test *.com --port ,', /empty part/],
      ['', /missing <host>/],
    ]
    for (const [words, reason] of rows) {
      const { code, err } = await run(`firewall allow ${words}`.trimEnd())
      expect({ words, code, err }).toMatchObject({ code: 2, err: expect.stringMatching(reason) })
    }
    expect((await json('approvals list')).json['approvals']).toEqual([])
  })

  it('of several hosts with one that is wrong proposes none', async () => {
    const { code, err } = await run('firewall allow a.test *.com B.test')
    expect(code).toBe(2)
    expect(err).toMatch(/\*\.com.*B\.test/s)
    expect((await json('approvals list')).json['approvals']).toEqual([])
  })

  it('of what is there already says so', async () => {
    await approved('firewall allow a.test --port 443,8443')
    for (const narrower of ['a.test', 'a.test --port 8443 --method GET']) {
      const { code, json: said } = await json(`firewall allow ${narrower}`)
      expect({ code, ...said }).toMatchObject({ code: 0, status: 'in force', notes: ['a.test is allowed already.'] })
    }
    expect((await json('firewall allow a.test --scheme http')).code).toBe(4)
    expect((await json('firewall allow a.test --tool x.y@v1')).code).toBe(4)
  })

  it('is not proposed on top of an edit that is not in force', async () => {
    mkdirSync(dirname(overlay()), { recursive: true })
    writeFileSync(overlay(), 'version: 1\npack: personal\n')
    const { code, err } = await run('firewall allow a.test')
    expect(code).toBe(1)
    expect(err).toContain('cloned policy adopt')
  })

  it('says which deny rule stays stronger', async () => {
    mkdirSync(dirname(overlay()), { recursive: true })
    writeFileSync(overlay(), 'version: 1\npack: personal\negress:\n  global:\n    deny: [{ host: a.test }]\n')
    const adopted = await json('policy adopt')
    await run(`approvals approve ${(adopted.json['approval'] as { id: string }).id}`)
    expect((await json('firewall allow a.test')).json['notes']).toEqual([
      expect.stringMatching(/^a\.test stays denied as far as .*personal\.yaml.* egress\.global\.deny says\.$/),
    ])
  })

  it('asks the person at the terminal, and takes the answer at once', async () => {
    const answering = (key: string): Terminal => ({
      tty: true,
      onStderr: (piece, type) => {
        if (piece.includes('Approve ap_')) type(key)
      },
    })
    expect(await run('firewall allow a.test', answering('\u001b[B\r'))).toMatchObject({ code: 0 })
    expect(await explained('https://a.test/')).toMatchObject({ allowed: true })
    expect(await run('firewall allow b.test', answering('\u001b[B\u001b[B\r'))).toMatchObject({ code: 3 })
    expect(await run('firewall allow b.test --yes', answering('\r'))).toMatchObject({ code: 4 })
    expect(await explained('https://b.test/')).toMatchObject({ allowed: false })
  })
})

describe('firewall explain and test', () => {
  it("take no tool without a version, whose rules could not be told from everybody's", async () => {
    for (const words of ['firewall explain https://a.test/', 'firewall test https://a.test/']) {
      expect(await run(`${words} --tool acme.mail`)).toMatchObject({
        code: 2,
        err: expect.stringContaining('--tool needs a version'),
      })
    }
  })

  it('name the file of cases that cannot be read', async () => {
    const { code, err } = await run('firewall test none.yaml')
    expect(code).toBe(2)
    expect(err).toContain('cannot read the input in none.yaml')
  })
})

describe('firewall remove', () => {
  it('takes every allow rule of a host out of one scope, and leaves no empty section', async () => {
    await approved('firewall allow a.test --method GET')
    await approved('firewall allow a.test --method POST')
    await approved(`firewall allow a.test --tool ${FETCH}`)
    expect(await approved('firewall remove a.test')).toMatchObject({ removed: ['a.test'] })
    expect(await explained('https://a.test/ --tool other.tool@v1')).toMatchObject({ allowed: false })
    expect(await explained(`https://a.test/ --tool ${FETCH}`)).toMatchObject({ allowed: true })
    expect(readFileSync(overlay(), 'utf8')).not.toContain('global')
  })

  it('of what is not there says so, and where it stands instead', async () => {
    await approved(`firewall allow a.test --tool ${FETCH}`)
    const { code, json: said } = await json('firewall remove a.test b.test')
    expect({ code, ...said }).toMatchObject({
      code: 0,
      notes: [
        expect.stringMatching(/^a\.test has no rule here; one stands in .*egress\.tools/),
        'b.test has no rule here.',
      ],
    })
  })
})

describe('firewall list', () => {
  it('shows every rule with its place, and with --effective what it means', async () => {
    expect((await run('firewall list')).out).toContain('No rule: nothing leaves.')
    await approved('firewall allow a.test')
    await approved(`firewall allow b.test --tool ${FETCH} --scheme http`)
    const at = expect.stringContaining('.cloned/policy/personal.yaml:')
    expect((await json('firewall list')).json['rules']).toEqual([
      { scope: `tool ${FETCH}`, answer: 'allow', host: 'b.test', schemes: ['http'], at },
      { scope: 'everybody', answer: 'allow', host: 'a.test', at },
    ])
    expect((await json('firewall list --effective')).json['rules']).toEqual([
      { scope: `tool ${FETCH}`, answer: 'allow', host: 'b.test', schemes: ['http'], ports: [80], at },
      { scope: 'everybody', answer: 'allow', host: 'a.test', schemes: ['https'], ports: [443], at },
    ])
  })
})

describe('firewall test', () => {
  const cases = (text: string) => {
    writeFileSync(join(root, 'cases.yaml'), text)
    return join(root, 'cases.yaml')
  }

  it('ends with 0 when every answer is the one expected, and with 1 when one is not', async () => {
    await approved(`firewall allow a.test --tool ${FETCH} --method GET`)
    const good = cases(`
cases:
  - { url: https://a.test/x, expect: allow }
  - { url: https://a.test/x, method: POST, expect: deny, code: METHOD }
  - { url: https://a.test/x, tool: other.tool@v1, expect: deny, code: NO_RULE }
  - { url: http://0x7f.1/, expect: deny, code: ADDRESS_SPELLING }
`)
    expect(await json(`firewall test ${good}`)).toMatchObject({ code: 0, json: { judged: 4, failed: 0 } })
    for (const wrong of ['expect: deny', 'method: POST, expect: allow', 'method: POST, expect: deny, code: NO_RULE']) {
      const file = cases(`cases:\n  - { url: https://a.test/x, ${wrong} }\n`)
      expect(await json(`firewall test ${file}`), wrong).toMatchObject({ code: 1, json: { failed: 1 } })
    }
    expect((await run('firewall test https://a.test/ https://b.test/')).out).toContain('1 not as expected')
    expect((await run('firewall test https://a.test/')).code).toBe(0)
    expect((await run('firewall test https://b.test/ http://169.254.169.254/ --deny')).code).toBe(0)
    expect((await run('firewall test https://a.test/ --deny')).code).toBe(1)
  })

  it.each(['cases: []', 'cases: [{ url: https://a.test/ }]', 'cases: [{ url: x, expect: maybe }]', 'x: 1', '['])(
    'judges nothing by a table that is not right: %s',
    async (text) => {
      const { code, json: said } = await json(`firewall test ${cases(text)}`)
      expect(code).not.toBe(0)
      expect(said).toMatchObject({ error: { code: 'FILE_INVALID' } })
    },
  )
})
