// Makes dist/ from the sources, step by step; never leaves a stale file.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
rmSync('dist', { recursive: true, force: true })

const tsc = join('node_modules', 'typescript', 'bin', 'tsc')
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

for (const folder of ['kernel', 'plugins', 'examples', 'test/fixtures']) {
  cpSync(folder, join('dist', folder), {
    recursive: true,
    filter: (path) => !/\.tsx?$|node_modules|\.cloned/.test(path),
  })
}
await import('./precompile.mjs')
await import('./bundle.mjs')
chmodSync(join('dist', 'plugins', 'bin.js'), 0o755)
