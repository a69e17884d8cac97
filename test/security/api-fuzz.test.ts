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

describe('whatever a client with the token sends', () => {
  it('every answer is one that the document describes, none is a 5xx, none holds a secret', {
    timeout: 120_000,
  }, async () => {
    acme = await apiVendor()
    world = await apiWorld({ config: acme.config })
    expect(await fuzz(world, acme, 2_500)).toEqual([])
    expect((await world.get('/v1/healthz')).status).toBe(200)
  })
})
