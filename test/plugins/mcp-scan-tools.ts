// Decides what the tests take for the tools of a real server: what it answers to tools/list; must never judge them.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { JsonObject } from 'cloned/kernel'

/** Lists the tools of a stdio server and ends it. `env` is all that it gets besides PATH and HOME. */
export function toolsOf(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<readonly JsonObject[]> {
  const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], ...env } })
  const send = (message: JsonObject) => server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  let said = ''
  server.stderr.on('data', (text) => {
    said += text
  })
  return new Promise<readonly JsonObject[]>((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`${args.join(' ')} ended before it listed its tools: ${said}`)))
    server.stdin.on('error', reject)
    createInterface(server.stdout).on('line', (line) => {
      if (!line.startsWith('{')) return
      const message = JSON.parse(line) as { id?: number; result?: { tools?: JsonObject[] } }
      if (message.id === 1) {
        send({ method: 'notifications/initialized' })
        send({ id: 2, method: 'tools/list', params: {} })
      } else if (message.id === 2) {
        if (message.result?.tools) resolve(message.result.tools)
        else reject(new Error(line))
      }
    })
    const clientInfo = { name: 'test', version: '1' }
    send({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo } })
  }).finally(() => server.kill('SIGKILL'))
}
