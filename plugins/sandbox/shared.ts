// Resolves the packages that a host shares with an exempted program; whatever else it imports is none of this file's business.

let shared: Readonly<Record<string, string>> = {}

/** Called by Node with the locations by specifier. */
export function initialize(data: Readonly<Record<string, string>>): void {
  shared = data
}

type Next = (specifier: string, context: unknown) => unknown

export function resolve(specifier: string, context: unknown, next: Next): unknown {
  const url = shared[specifier]
  return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
}
