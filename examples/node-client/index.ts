// Drives the workspace in the current directory over its API: start `cloned serve` first, then this.
import { readFileSync } from 'node:fs'
import { bearer, createClient } from 'cloned/client'
import { mayRead, run, toolIds } from './client.js'

// `cloned serve` writes where it listens, and where its token is.
const { address, token_file } = JSON.parse(readFileSync('.cloned/api.json', 'utf8'))
const client = createClient({ url: address, authorize: bearer(readFileSync(token_file, 'utf8').trim()) })

const [pipeline = 'docs.link-report', host = 'docs.example.com'] = process.argv.slice(2)
console.log((await toolIds(client)).join('\n'))
if (await mayRead(client, host, { tell: console.log })) {
  const { id, state } = await run(client, pipeline, {})
  console.log(`${id}: ${state}`)
} else {
  console.log(`${host} stays out of reach`)
}
