// Plays a device of the built-in pairing: asks by an invitation, fetches a token, and uses it with a proof for each request.
import { apiSlot } from 'cloned/plugins/api'
import type { Enrol } from 'cloned/testing'
import { send } from '../plugins/api-fixture.js'
import { newKey, proofOf } from '../plugins/pairing-fixture.js'

export const enrol: Enrol = async (workspace, { name, scopes }) => {
  const { kernel, run } = workspace
  const key = newKey()
  const addresses = new Map<unknown, string>()
  let resend = async (): Promise<number> => 0
  const as = async (
    served: typeof kernel,
    scheme: string,
    credentials: string,
    method: string,
    path: string,
    body?: object,
  ) => {
    const address = addresses.get(served) ?? (await served.service(apiSlot).listen()).address
    addresses.set(served, address)
    const proof = proofOf({ address, now: workspace.now() }, key, { method, path, credentials })
    const headers = { authorization: `${scheme} ${credentials}`, dpop: proof }
    const request = () =>
      send(address, method, path, { headers, ...(body === undefined ? {} : { body: body as never }) })
    resend = async () => (await request()).status
    return request()
  }
  const { out } = await run('pairings', 'invite', '--scopes', scopes.join(), '--json')
  const { body } = await as(kernel, 'Pairing', JSON.parse(out).code, 'POST', '/v1/pairings', { name })
  const id = String(body.id)
  return {
    id,
    repeat: () => resend(),
    async ask(served, method, path, body) {
      const token = await as(served, 'Device', id, 'POST', '/v1/token', {})
      if (token.status !== 200) return token.status
      return (await as(served, 'DPoP', token.body.access_token, method, path, body)).status
    },
  }
}
