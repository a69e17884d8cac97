// Who gets a worker, and when: calls wait for their turn, and a turn that nobody takes goes to the next.
import { describe, expect, it } from 'vitest'
import { Supervisor } from '../../plugins/connectors/supervisor.js'

function supervised(concurrency: number) {
  const running: { readonly name: string; readonly end: () => void }[] = []
  const worker = {
    ended: new Promise<never>(() => undefined),
    stop: async () => undefined,
    kill: () => undefined,
    call: (name: string) =>
      new Promise((resolve) => {
        running.push({ name, end: () => resolve(name) })
      }),
  }
  const supervisor = new Supervisor({
    connector: 'acme.x',
    start: async () => worker,
    mayGoOn: () => true,
    mayStillRun: async () => true,
    now: () => 0,
    idleMs: 60_000,
    concurrency,
  })
  const call = (name: string, signal = new AbortController().signal) => {
    const outcome = supervisor.run({ signal }, (running) => running.call(name))
    return outcome.catch((error: Error) => error.message)
  }
  const names = () => running.map(({ name }) => name)
  const end = (name: string) => running.splice(names().indexOf(name), 1)[0]?.end()
  return { call, names, end }
}

describe('calls that wait for their turn', () => {
  it('run in the order they came, no more at once than may', async () => {
    const { call, names, end } = supervised(2)
    const all = ['a', 'b', 'c', 'd'].map((name) => call(name))
    await expect.poll(names).toEqual(['a', 'b'])
    end('b')
    await expect.poll(names).toEqual(['a', 'c'])
    end('a')
    await expect.poll(names).toEqual(['c', 'd'])
    end('c')
    end('d')
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('lose nothing by one that is cancelled while it waits, or at the very moment that it is its turn', async () => {
    const { call, names, end } = supervised(1)
    const [early, late] = [new AbortController(), new AbortController()]
    const all = [call('a'), call('early', early.signal), call('late', late.signal), call('last')]
    await expect.poll(names).toEqual(['a'])
    early.abort()
    expect(await all[1]).toContain('cancelled')
    end('a')
    late.abort()
    expect(await all[2]).toContain('cancelled')
    await expect.poll(names).toEqual(['last'])
    end('last')
    expect(await all[3]).toBe('last')
  })

  it('are not begun when they were cancelled before', async () => {
    const { call, names, end } = supervised(1)
    const first = call('a')
    await expect.poll(names).toEqual(['a'])
    expect(await call('b', AbortSignal.abort())).toContain('cancelled')
    end('a')
    expect(await first).toBe('a')
  })
})
