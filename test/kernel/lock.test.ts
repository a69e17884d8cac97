import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LockFile, membersOf, tryFileLock } from 'cloned/kernel'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startChild } from '../child.js'
import { temporary } from '../plugins/store-fixture.js'

function start(...args: Parameters<typeof startChild>) {
  const child = startChild(...args)
  onTestFinished(() => child.kill())
  return child
}

describe('file locks', () => {
  it('have one holder in a process, and are free after release', () => {
    const path = join(temporary(), 'a.lock')
    const lock = tryFileLock(path)
    expect(lock).toBeDefined()
    expect(tryFileLock(path)).toBeUndefined()
    lock?.release()
    lock?.release()
    const again = tryFileLock(path)
    expect(again).toBeDefined()
    again?.release()
  })

  it('leave nothing but a file for its owner, whatever the umask', () => {
    const directory = temporary()
    const before = process.umask(0)
    try {
      const lock = tryFileLock(join(directory, 'a.lock'))
      expect(readdirSync(directory)).toEqual(['a.lock'])
      expect(statSync(join(directory, 'a.lock')).mode & 0o777).toBe(0o600)
      lock?.release()
      expect(readdirSync(directory)).toEqual(['a.lock'])
    } finally {
      process.umask(before)
    }
  })

  it('hold against another process, also after a second try in the holding one', async () => {
    const path = join(temporary(), 'a.lock')
    const lock = tryFileLock(path)
    // A second holder that opened and closed the file itself would drop the POSIX locks of the whole process.
    expect(tryFileLock(path)).toBeUndefined()
    const other = new LockFile(path)
    other.close()
    expect(await start('lock-holder', path).line()).toBe('refused')
    lock?.release()
    expect(await start('lock-holder', path).line()).toBe('held')
  })

  it('are free as soon as their holder is killed', async () => {
    const path = join(temporary(), 'a.lock')
    const child = start('lock-holder', path)
    expect(await child.line()).toBe('held')
    expect(tryFileLock(path)).toBeUndefined()
    await child.kill()
    const lock = tryFileLock(path)
    expect(lock).toBeDefined()
    lock?.release()
  })

  it('always have a winner among those who try at once', async () => {
    const directory = temporary()
    for (let round = 0; round < 5; round++) {
      const path = join(directory, `${round}.lock`)
      const children = Array.from({ length: 3 }, () => start('lock-holder', path))
      const answers = await Promise.all(children.map((child) => child.line()))
      expect(answers.sort()).toEqual(['held', 'refused', 'refused'])
      await Promise.all(children.map((child) => child.kill()))
    }
  })

  it('refuse a file that is something else, with an error and not with "taken"', () => {
    const path = join(temporary(), 'a.lock')
    writeFileSync(path, 'what somebody wrote here'.repeat(100))
    expect(() => tryFileLock(path)).toThrow()
  })

  it('can be taken again and again on one handle, and are waited for', () => {
    const path = join(temporary(), 'a.lock')
    const [a, b] = [new LockFile(path), new LockFile(path)]
    for (let i = 0; i < 100; i++) {
      a.lock(1_000)
      a.unlock()
    }
    a.lock(1_000)
    expect(() => b.lock(5)).toThrow()
    a.unlock()
    b.lock(1_000)
    b.unlock()
    a.close()
    b.close()
    b.close()
  })
})

describe('members of a directory', () => {
  it('live until they leave, and leave nothing', () => {
    const directory = join(temporary(), 'members')
    const members = membersOf(() => directory)
    expect(members.dead()).toEqual([])
    const member = members.enter()
    expect(member.id).toMatch(/^[0-9a-f]{16}$/)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(members.alive(member.id)).toBe(true)
    expect(members.dead()).toEqual([])
    member.leave()
    member.leave()
    expect(members.alive(member.id)).toBe(false)
    expect(readdirSync(directory)).toEqual([])
  })

  it('are dead after kill -9, and claimed by one at a time until they are forgotten', async () => {
    const directory = temporary()
    const child = start('member-holder', directory)
    const id = await child.line()
    const [here, there] = [membersOf(() => directory), membersOf(() => directory)]
    expect(here.alive(id)).toBe(true)
    expect(here.dead()).toEqual([])
    await child.kill()
    expect(here.alive(id)).toBe(false)
    const [dead] = here.dead()
    expect(dead?.id).toBe(id)
    expect(there.dead()).toEqual([])
    expect(there.alive(id)).toBe(true)
    dead?.release()
    const [again] = there.dead()
    expect(again?.id).toBe(id)
    again?.forget()
    again?.release()
    expect(here.dead()).toEqual([])
    expect(readdirSync(directory)).toEqual([])
  })

  it('are dead when they were released, and leaving is legal afterwards', () => {
    const directory = temporary()
    const members = membersOf(() => directory)
    const member = members.enter()
    member.release()
    const [dead] = members.dead()
    expect(dead?.id).toBe(member.id)
    dead?.release()
    member.leave()
    expect(members.dead()).toEqual([])
  })

  it('are not what else lies in the directory, and unborn ones are swept away', () => {
    const directory = temporary()
    for (const name of ['note.txt', 'ABCDEF0123456789.lock', '0123.lock']) writeFileSync(join(directory, name), '')
    writeFileSync(join(directory, '0123456789abcdef.new'), '')
    const members = membersOf(() => directory)
    expect(members.dead()).toEqual([])
    expect(members.alive('../etc/passwd')).toBe(false)
    expect(readdirSync(directory).sort()).toEqual(['0123.lock', 'ABCDEF0123456789.lock', 'note.txt'])
  })

  it('whose file is removed by hand are gone', () => {
    const directory = temporary()
    const members = membersOf(() => directory)
    const member = members.enter()
    rmSync(join(directory, `${member.id}.lock`))
    expect(members.alive(member.id)).toBe(false)
    expect(members.dead()).toEqual([])
    member.leave()
  })
})
