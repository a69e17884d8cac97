// Two thousand readers who only listen: they take little memory, and each gets what happens.
import { connect, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { toolId } from '../fixtures/runs-tools.js'
import { type ApiWorld, apiWorld } from '../plugins/api-fixture.js'

const READERS = 2_000
let world: ApiWorld
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await world.close()
})

it('2,000 idle readers take little memory, and hear of what happens', async () => {
  world = await apiWorld()
  const port = Number(new URL(world.address).port)
  const texts: string[] = []
  const before = process.memoryUsage().rss
  for (let n = 0; n < READERS; n++) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    texts[n] = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      texts[n] += text
    })
    socket.write(
      `GET /v1/events?type=tool.outcome HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\nauthorization: Bearer ${world.token}\r\n\r\n`,
    )
  }
  const having = (part: string) => texts.filter((text) => text.includes(part)).length
  await expect.poll(() => having('\r\n\r\n'), { timeout: 60_000 }).toBe(READERS)
  // Both ends of every connection are in this process.
  expect((process.memoryUsage().rss - before) / READERS).toBeLessThan(100 * 1024)
  const { callId } = await world.kernel.call({ tool: toolId('echo'), input: {} })
  await expect.poll(() => having(callId), { timeout: 60_000 }).toBe(READERS)
})
