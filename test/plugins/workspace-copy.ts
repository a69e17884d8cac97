// Copies directories as an archive would, modes included: cpSync keeps those of directories on some versions of Node only.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

export function copyDirectory(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  execFileSync('cp', ['-a', `${from}/.`, to])
}
