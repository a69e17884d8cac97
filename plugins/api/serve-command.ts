// The command `serve`: the API until it is interrupted; it opens nothing to others unless the options say so in full.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command, CommandContext } from '../cli/slot.js'
import type { HookDoor } from '../mcp-clients/slot.js'
import type { Api, ListenOptions } from './slot.js'

/** `hooks` is opened with the API, where there is one. */
export function serveCommand(api: Pick<Api, 'listen'>, hooks?: HookDoor): Command {
  return {
    name: 'serve',
    summary: 'Serve the HTTP API until interrupted',
    options: [
      { flags: '--port <n>', description: 'Port; one that is free without' },
      { flags: '--host <address>', description: 'Address; 127.0.0.1 without. Others need TLS or a trusted proxy' },
      { flags: '--socket <path>', description: 'Listen on a Unix socket instead; its directory must be yours alone' },
      { flags: '--name <host>', description: 'Name (and port) by which clients reach another address than loopback' },
      { flags: '--tls-cert <file>', description: 'Certificate chain, PEM' },
      { flags: '--tls-key <file>', description: 'Key of the certificate, PEM' },
      { flags: '--trusted-proxy <address>', description: 'The proxy in front, which terminates TLS' },
    ],
    examples: ['cloned serve', 'cloned serve --port 4117', 'cloned serve --socket .cloned/api/socket'],
    needs: 'workspace',
    async run(ctx) {
      const options = optionsOf(ctx)
      if (ctx.dryRun) return { json: { would: 'serve' }, text: 'Would serve the API. Nothing listens.' }
      const server = await api.listen(options)
      hooks?.open()
      ctx.tell(`The API is at ${server.address}; its token is in .cloned/api/token. Ctrl-C ends it.`)
      await interrupted(ctx.signal)
      await server.close()
      return { json: { address: server.address }, text: '' }
    },
  }
}

function optionsOf({ options, cwd, usageError }: CommandContext): ListenOptions {
  const text = (name: string) => (typeof options[name] === 'string' ? options[name] : undefined)
  const socket = text('socket')
  if (socket !== undefined) return { socket: resolve(cwd, socket) }
  const port = Number(text('port') ?? 0)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usageError('--port takes a number from 0 to 65535')
  const [cert, key] = [text('tlsCert'), text('tlsKey')]
  if ((cert === undefined) !== (key === undefined)) throw usageError('--tls-cert and --tls-key belong together')
  const [host, name, trustedProxy] = [text('host'), text('name'), text('trustedProxy')]
  return {
    port,
    ...(host === undefined ? {} : { host }),
    ...(name === undefined ? {} : { names: [name] }),
    ...(trustedProxy === undefined ? {} : { trustedProxy }),
    ...(cert === undefined || key === undefined
      ? {}
      : { tls: { cert: readFileSync(resolve(cwd, cert), 'utf8'), key: readFileSync(resolve(cwd, key), 'utf8') } }),
  }
}

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
