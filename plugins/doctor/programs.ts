// Asks optional programs for their version; that one is missing is an answer, not an error.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const ANSWER_MS = 3_000

/** The first line that `program --version` prints, or `undefined` when there is no such program on the path. */
export async function programVersion(program: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, ['--version'], {
      timeout: ANSWER_MS,
      encoding: 'utf8',
    })
    return (stdout || stderr).split('\n')[0] ?? ''
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
