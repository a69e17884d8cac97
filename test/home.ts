// Gives every test process a configuration home of its own making, so that no test writes into that of a person.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export default function setup(): () => void {
  const home = mkdtempSync(join(tmpdir(), 'cloned-home-'))
  process.env['XDG_CONFIG_HOME'] = home
  process.env['APPDATA'] = home
  return () => rmSync(home, { recursive: true, force: true })
}
