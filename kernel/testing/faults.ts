// Lists the ways in which a plugin can fail when it is called; each is a value that a kernel must survive, none an answer.

/** One way to fail, in the place of an answer. */
export interface Fault {
  /** Completes "a plugin that …". */
  readonly name: string
  readonly kind: 'throws' | 'hangs' | 'junk'
  /** Fails: throws, or returns what the caller is to be confronted with. */
  run(): unknown
}

const junk = (name: string, make: () => unknown): Fault => ({ name: `answers ${name}`, kind: 'junk', run: make })
const throws = (name: string, run: () => unknown): Fault => ({ name, kind: 'throws', run })

/** An error that throws again when somebody tries to word it. */
function unspeakable(): Error {
  const message = {
    toString(): string {
      throw new Error('from toString')
    },
  }
  return Object.assign(new Error('replaced'), { message })
}

function hostile(): object {
  const refuse = () => {
    throw new Error('from a trap')
  }
  return new Proxy(
    {},
    { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse },
  )
}

/** Every fault of the matrix. None of them is an answer that any contract of the kernel knows as a consent. */
export const FAULTS: readonly Fault[] = [
  throws('throws an Error', () => {
    throw new Error('boom')
  }),
  throws('throws undefined', () => {
    throw undefined
  }),
  throws('throws an error that cannot be worded', () => {
    throw unspeakable()
  }),
  throws('rejects with undefined', () => Promise.reject(undefined)),
  throws('rejects with an error that cannot be worded', () => Promise.reject(unspeakable())),
  { name: 'never answers', kind: 'hangs', run: () => new Promise(() => {}) },
  junk('null', () => null),
  junk('true', () => true),
  junk("the text 'allow'", () => 'allow'),
  junk('an unknown effect', () => ({ effect: '__proto__' })),
  junk('an object that inherits its consent', () => Object.create({ effect: 'allow', ok: true, durable: true })),
  junk('a function', () => () => ({ effect: 'allow' })),
  junk('a proxy whose traps throw', hostile),
  junk('a promise of an unknown effect', () => Promise.resolve({ effect: '__proto__' })),
  junk('a thenable that calls back twice', () => ({
    // biome-ignore lint/suspicious/noThenProperty: being a thenable of the worst kind is what this one is for
    then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
      resolve({ effect: '__proto__' })
      resolve({ effect: 'allow' })
      reject(new Error('boom'))
    },
  })),
]
