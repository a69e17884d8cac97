// Says what the pairing replaces, and plays one of its devices, so that the suite of paired devices runs on it.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { Kernel } from 'cloned/kernel'
import { apiSlot } from 'cloned/plugins/api'
import { type Enrol, pairingSuite, type Replacement } from 'cloned/testing'
import acmePairing from './index.js'
import { signedText } from './signed-requests.js'

const enrol: Enrol = async ({ run, now }, { name, scopes }) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const { out, err } = await run('pairings', 'add', name, `--key=${x}`, '--scopes', scopes.join(), '--json')
  const { id } = JSON.parse(out) as { id?: string }
  if (id === undefined) throw new Error(out + err)
  const addresses = new Map<Kernel, string>()
  let send = async (): Promise<number> => 0
  return {
    id,
    repeat: () => send(),
    async ask(kernel, method, path, body) {
      const address = addresses.get(kernel) ?? (await kernel.service(apiSlot).listen()).address
      addresses.set(kernel, address)
      const url = `${address}${path}`
      const [seconds, nonce] = [String(Math.floor(now() / 1000)), randomBytes(16).toString('hex')]
      const signature = sign(null, signedText(method, url, seconds, nonce), privateKey).toString('base64url')
      const request = {
        method,
        headers: {
          authorization: `Acme ${id}.${x}.${seconds}.${nonce}.${signature}`,
          connection: 'close',
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }
      send = async () => (await fetch(url, request)).status
      return send()
    },
  }
}

const replacement: Replacement = {
  replaces: 'cloned.pairing',
  composition: { plugins: [acmePairing], replace: { 'cloned.pairings': 'acme.pairing' } },
  cases: (open) => pairingSuite(open, enrol),
}
export default replacement
