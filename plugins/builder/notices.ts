// Gathers the licences of everything that is built in; it judges none of them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { by } from './lock.js'
import type { Package } from './packages.js'

const LICENCE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i

/** One text: name, version, licence and its words, package after package. */
export function notices(packages: Iterable<Package>): string {
  const all = new Map([...packages].map((found) => [`${found.name}@${found.version}`, found]))
  const parts = [...all].sort(by(([name]) => name)).map(([name, { license, dir }]) => {
    const texts = readdirSync(dir)
      .filter((file) => LICENCE.test(file))
      .sort()
      .map((file) => readFileSync(join(dir, file), 'utf8').trim())
    return [`${name} (${license || 'licence not stated'})`, ...texts].join('\n\n')
  })
  return `This build contains the following packages.\n\n${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
