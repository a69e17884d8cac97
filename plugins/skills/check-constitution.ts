// Finds what is wrong with the text of a constitution; a limit that would never match is refused, not kept.
import { posix } from 'node:path'
import type { ConstitutionDocument, Problem } from './document.js'

type Path = readonly (string | number)[]

export function constitutionProblems(constitution: ConstitutionDocument | undefined, at: Path): Problem[] {
  const { data_sources = [], egress = [], max_cost = {} } = constitution ?? {}
  return [
    ...data_sources.flatMap((path, i) => placed(sourceProblem(path), [...at, 'data_sources', i])),
    ...egress.flatMap((host, i) => placed(hostProblem(host), [...at, 'egress', i])),
    ...Object.entries(max_cost).flatMap(([category, most]) =>
      placed(Number.isFinite(most) ? undefined : 'is not a number', [...at, 'max_cost', category]),
    ),
  ]
}

function placed(message: string | undefined, at: Path): Problem[] {
  return message === undefined ? [] : [{ at, message }]
}

function sourceProblem(path: string): string | undefined {
  if (path.startsWith('/') || path.includes('\\') || path.includes('\0'))
    return 'is not a path relative to the workspace'
  const normal = posix.normalize(path).replace(/(?<=.)\/$/, '')
  if (normal === '..' || normal.startsWith('../')) return 'leaves the workspace'
  return normal === path ? undefined : `must be written as "${normal}"`
}

function hostProblem(host: string): string | undefined {
  const name = host.startsWith('*.') ? host.slice(2) : host
  // Compared with the hosts of requests, which are spelled as URLs spell them.
  const spelled = URL.canParse(`https://${name}/`) ? new URL(`https://${name}/`) : undefined
  if (spelled === undefined || spelled.port !== '' || spelled.pathname !== '/') return 'is not a host name'
  return spelled.hostname === name
    ? undefined
    : `must be written as "${host.slice(0, -name.length)}${spelled.hostname}"`
}
