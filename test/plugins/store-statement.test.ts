import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { translate } from '../../plugins/store/statement.js'

describe('statements', () => {
  it.each([
    ['select $1, $2', 'select ?1, ?2', 2],
    ['select $2, $1, $2', 'select ?2, ?1, ?2', 2],
    ['select \'$1\', "$2", $1', 'select \'$1\', "$2", ?1', 1],
    ["select 'it''s $1' || $1", "select 'it''s $1' || ?1", 1],
    ['select 1 -- $1 ; here\n, $1', 'select 1 -- $1 ; here\n, ?1', 1],
    ['select 1 /* $1 ; */', 'select 1 /* $1 ; */', 0],
    ["select ';' ;", "select ';' ", 0],
  ])('translates %s', (sql, text, arity) => {
    expect(translate(sql, 'read')).toEqual({ text, arity })
  })

  it.each([
    ['read', 'delete from t'],
    ['read', 'pragma user_version = 3'],
    ['read', "attach 'x' as y"],
    ['read', '/* hidden */ delete from t'],
    ['write', 'commit'],
    ['write', ' ROLLBACK'],
    ['write', 'drop table t'],
    ['write', 'pragma synchronous = off'],
    ['write', 'vacuum'],
    ['migrate', 'commit'],
    ['migrate', 'pragma journal_mode = off'],
    ['write', ''],
    ['write', 'delete from t; delete from u'],
    ['write', "delete from t where a = 'x'; commit"],
    ['write', 'delete from t where a = $2'],
    ['write', 'delete from t where a = $0'],
  ] as const)('refuses for a %s: %s', (purpose, sql) => {
    expect(() => translate(sql, purpose)).toThrow(expect.objectContaining({ code: 'STORE_STATEMENT' }))
  })

  it('never changes the inside of a text literal', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const literal = `'${text.replaceAll("'", "''")}'`
        const { text: translated, arity } = translate(`select ${literal}, $1`, 'read')
        expect(translated).toBe(`select ${literal}, ?1`)
        expect(arity).toBe(1)
      }),
    )
  })
})
