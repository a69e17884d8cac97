import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type ApiWorld, apiWorld } from '../plugins/api-fixture.js'
import { fuzz } from '../plugins/api-fuzz.js'
import { type ApiVendor, apiVendor } from '../plugins/api-vendor.js'

let world: ApiWorld
let acme: ApiVendor | undefined
afterEach(async () => {
  await world.close()
  acme?.vendor.close()
})

describe('the API under fire', () => {
  it('50,000 requests of every shape: no 5xx, no secret, no memory without bound', async () => {
    acme = await apiVendor()
    world = await apiWorld({ config: acme.config })
    await fuzz(world, acme, 2_000, { seed: 1 })
    const before = process.memoryUsage.rss()
    for (let round = 0; round < 10; round++) expect(await fuzz(world, acme, 5_000, { seed: 100 + round })).toEqual([])
    expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024)
  })

  it('a client that never finishes its request is hung up on', async () => {
    world = await apiWorld()
    const { hostname, port } = new URL(world.address)
    const host = new URL(world.address).host
    await Promise.all(
      [
        `GET /v1/tools HTTP/1.1\r\nHost: ${host}\r\nX: `,
        `POST /v1/runs HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{`,
      ].map(
        (start) =>
          new Promise<void>((resolve) => {
            const socket = connect(Number(port), hostname, () => socket.write(start))
            // One byte now and then, for as long as the server lets it.
            const drip = setInterval(() => socket.write('a'), 1000)
            socket.on('error', () => {})
            socket.on('close', () => {
              clearInterval(drip)
              resolve()
            })
          }),
      ),
    )
    expect((await world.get('/v1/healthz')).status).toBe(200)
  })
})
