// Keeps calls that go on without a request as tasks of the tasks extension; a task is known to its own credential only.
import { randomBytes } from 'node:crypto'
import type { JsonObject } from 'cloned/kernel'
import type { Credential, Handlers, Scope } from './caller.js'
import { finished, questionsOf } from './desk.js'
import { declares, TASKS } from './eras.js'
import { CODES, RpcError, textIn } from './rpc.js'
import { answersIn, type Running } from './running.js'

const TTL_MS = 60 * 60 * 1000
const POLL_MS = 500
const MAX_TASKS = 256

interface Task {
  readonly id: string
  readonly credential: string
  readonly running: Running
  readonly createdAt: number
  readonly timer: NodeJS.Timeout
  updatedAt: number
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled'
}

export class Tasks {
  readonly #tasks = new Map<string, Task>()
  readonly #now: () => number
  readonly #wordError: (error: unknown) => RpcError

  constructor(now: () => number, wordError: (error: unknown) => RpcError) {
    this.#now = now
    this.#wordError = wordError
  }

  /** Whether the credential may have another one. */
  room({ key }: Credential): boolean {
    return [...this.#tasks.values()].filter(({ credential }) => credential === key).length < MAX_TASKS
  }

  /** A task of work that is in hand. */
  make(running: Running, { key }: Credential): JsonObject {
    const id = `task_${randomBytes(18).toString('base64url')}`
    const at = this.#now()
    const timer = setTimeout(() => this.#forget(id), TTL_MS)
    timer.unref()
    const task: Task = { id, credential: key, running, createdAt: at, updatedAt: at, status: 'working', timer }
    this.#tasks.set(id, task)
    return { ...this.#about(task), resultType: 'task', status: 'working' }
  }

  stop(): void {
    for (const id of [...this.#tasks.keys()]) this.#forget(id)
  }

  handlers(): Handlers {
    return {
      'tasks/get': async (params, scope) => this.#detailed(this.#find(params, scope)),
      'tasks/update': async (params, scope) => {
        this.#find(params, scope).running.give(answersIn(params))
        return {}
      },
      'tasks/cancel': async (params, scope) => {
        const task = this.#find(params, scope)
        if (!task.running.over) {
          task.status = 'cancelled'
          task.updatedAt = this.#now()
          task.running.cancel()
        }
        return {}
      },
    }
  }

  /** Throws -32021 for a client that does not know tasks, -32602 for an id that is not one of its own. */
  #find(params: JsonObject, { client, credential }: Scope): Task {
    const needed = { extensions: { [TASKS]: {} } }
    if (!declares(client.capabilities, needed)) {
      throw new RpcError(CODES.missingCapability, 'The client does not support tasks', { requiredCapabilities: needed })
    }
    const task = this.#tasks.get(textIn(params, 'taskId'))
    if (task?.credential === credential.key) return task
    throw new RpcError(CODES.invalidParams, 'Invalid params: there is no such task')
  }

  #detailed(task: Task): JsonObject {
    const { running } = task
    let ended: JsonObject = {}
    let status = task.status
    if (status !== 'cancelled') {
      if (running.over) {
        try {
          ended = { result: finished(running) }
          status = 'completed'
        } catch (thrown) {
          const { code, message, data } = this.#wordError(thrown)
          ended = { error: { code, message, ...(data === undefined ? {} : { data }) } } as JsonObject
          status = 'failed'
        }
      } else status = running.questions.size > 0 ? 'input_required' : 'working'
      if (status !== task.status) task.updatedAt = this.#now()
      task.status = status
    }
    const asked = status === 'input_required' ? { inputRequests: questionsOf(running) } : {}
    return { ...this.#about(task), ...ended, ...asked }
  }

  #about({ id, status, createdAt, updatedAt, running }: Task): JsonObject {
    const waits = status === 'working' && running.approval !== undefined
    return {
      taskId: id,
      status,
      ...(waits ? { statusMessage: `Waiting for approval ${running.approval}` } : {}),
      createdAt: new Date(createdAt).toISOString(),
      lastUpdatedAt: new Date(updatedAt).toISOString(),
      ttlMs: TTL_MS,
      pollIntervalMs: POLL_MS,
    }
  }

  #forget(id: string): void {
    const task = this.#tasks.get(id)
    if (!task) return
    clearTimeout(task.timer)
    this.#tasks.delete(id)
    task.running.cancel()
  }
}
