// Says for each client which of its calls still pass by the gateway; changes nothing.
import type { DoctorCheck } from '../doctor/slot.js'
import { CLIENTS, type Surroundings } from './clients.js'
import { at } from './documents/document.js'
import { exact } from './exact.js'
import { hasHook } from './hook/install.js'
import { lookAtClients } from './look.js'
import { CLIENT_IDS, type ClientId } from './slot.js'

/** Settings with which a client leaves its hooks out. */
const HOOKS_OFF: Partial<Record<ClientId, readonly { readonly path: readonly string[]; readonly value: boolean }[]>> = {
  'claude-code': [{ path: ['disableAllHooks'], value: true }],
  gemini: [{ path: ['hooksConfig', 'enabled'], value: false }],
}

export function clientChecks(
  where: Surroundings,
  program: readonly string[],
  cwd: () => string,
): readonly DoctorCheck[] {
  return CLIENT_IDS.map((id): DoctorCheck => {
    const client = CLIENTS[id]
    return {
      id: `clients.${id}`,
      needs: 'nothing',
      async run() {
        const machine = { installed: where.home, reserved: undefined }
        const look = lookAtClients([id], { where, cwd: cwd(), program, machine, hosts: new Map(), writes: new Map() })
        if (!look.clients.includes(id) && look.problems.length === 0) {
          return { level: 'ok', message: `no configuration of ${client.title} here` }
        }
        const past = [
          ...look.problems.map(({ path, problem }) => `${exact(path)} (${problem})`),
          ...servers(look.servers.map(({ key }) => exact(key))),
          ...hookGaps(id, look, program),
        ]
        const known = `Never seen: ${client.escapes.join('; ')}`
        if (past.length === 0) return { level: 'ok', message: `${client.title} is behind the gateway. ${known}` }
        return {
          level: 'warn',
          message: `past the gateway go ${past.join('; ')}. ${known}`,
          fix: `cloned import --from ${id}`,
        }
      },
    }
  })
}

function servers(keys: readonly string[]): readonly string[] {
  return keys.length === 0 ? [] : [`the servers ${keys.join(', ')}`]
}

function hookGaps(id: ClientId, look: ReturnType<typeof lookAtClients>, program: readonly string[]): readonly string[] {
  const { hooks } = CLIENTS[id]
  if (!hooks) return []
  const missing = look.hooks.find(({ client }) => client === id)
  if (missing) return ['its own tools (no hook is installed, or it was changed)']
  const off = [...look.files.values()].some(({ value }) =>
    (HOOKS_OFF[id] ?? []).some(
      ({ path, value: when }) => at(value, path) === when && hasHook(value, id, hooks, program),
    ),
  )
  return off ? ['its own tools (its hooks are switched off)'] : []
}
