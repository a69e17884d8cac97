import { join } from 'node:path'
import { openDatabase } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { temporary } from '../plugins/store-fixture.js'

describe('databases', () => {
  it('give up their transaction and its lock when they are closed, prepared statements or not', () => {
    const path = join(temporary(), 'a.db')
    const a = openDatabase(path, { timeout: 0 })
    a.exec('create table t (k)')
    const kept = a.prepare('insert into t values (?1)')
    a.exec('begin immediate')
    kept.run('lost')
    a.close()
    expect(a.isOpen).toBe(false)
    const b = openDatabase(path, { timeout: 0 })
    b.exec('begin immediate')
    expect(b.prepare('select count(*) as n from t').get()).toEqual({ n: 0 })
    b.close()
    expect(() => kept.run('more')).toThrow()
  })

  it('that are opened for reading must exist and cannot be written', () => {
    const path = join(temporary(), 'a.db')
    expect(() => openDatabase(path, { readOnly: true })).toThrow()
    const writer = openDatabase(path)
    writer.exec('create table t (k)')
    const reader = openDatabase(path, { readOnly: true })
    expect(() => reader.exec("insert into t values ('x')")).toThrow(/readonly/)
    expect(() => reader.exec('drop table t')).toThrow(/readonly/)
    reader.close()
    writer.close()
  })
})
