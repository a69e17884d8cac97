import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Progress } from '../../plugins/cli/progress.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function shown(columns = 80) {
  const written: string[] = []
  return { written, progress: new Progress((text) => written.push(text), columns) }
}

describe('progress', () => {
  it('is silent for a second, then shows the latest text', () => {
    const { written, progress } = shown()
    progress.update('first')
    vi.advanceTimersByTime(500)
    progress.update('second')
    vi.advanceTimersByTime(499)
    expect(written).toEqual([])
    vi.advanceTimersByTime(1)
    expect(written).toEqual(['\r\x1b[2Ksecond'])
    progress.update('third')
    expect(written.at(-1)).toBe('\r\x1b[2Kthird')
  })

  it('leaves nothing on the screen when it stops, and nothing at all when it was quick', () => {
    const { written, progress } = shown()
    progress.update('quick')
    progress.stop()
    vi.advanceTimersByTime(5_000)
    expect(written).toEqual([])
    progress.update('slow')
    vi.advanceTimersByTime(1_000)
    progress.stop()
    expect(written.at(-1)).toBe('\r\x1b[2K')
  })

  it('stays out of the way while a person is asked', async () => {
    const { written, progress } = shown()
    progress.update('working')
    await progress.pause(async () => {
      vi.advanceTimersByTime(5_000)
      progress.update('still working')
      expect(written).toEqual([])
    })
    progress.update('again')
    expect(written.at(-1)).toContain('again')
  })

  it('escapes its text and never wraps', () => {
    const { written, progress } = shown(10)
    progress.update('\x1b[2J0123456789')
    vi.advanceTimersByTime(1_000)
    expect(written).toEqual(['\r\x1b[2K\\u001b[2J'])
  })

  it('is silent without a terminal', () => {
    const progress = new Progress(undefined, 80)
    progress.update('working')
    vi.advanceTimersByTime(5_000)
    progress.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})
