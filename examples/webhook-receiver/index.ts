// Prints the events that come in: node index.js PORT FILE, where the file holds one key in a line and nobody else can read it.
import { readFileSync } from 'node:fs'
import { receiver } from './receiver.js'

const [port = '8080', file = 'webhook-keys.txt'] = process.argv.slice(2)
const keys = readFileSync(file, 'utf8').split('\n').filter(Boolean)
receiver({ keys, onEvent: ({ type, subject }, id) => console.log(id, type, subject) }).listen(Number(port), '127.0.0.1')
