// What the contract of a slot is run on here: the built-in, and the built-in with a plugin of somebody else around it.
import type { Composition } from 'cloned'
import { definePlugin, type Slot } from 'cloned/kernel'

/** The default distribution as it is, and with a wrapper around the owner of the slot; for `describe.each`. */
export function builtInAndWrapped<T extends object>(slot: Slot<T>): readonly (readonly [string, Composition])[] {
  return [
    ['the built-in', {}],
    ['the built-in, wrapped', wrapped(slot)],
  ]
}

/** The default distribution with a wrapper around the owner of the slot. */
export function wrapped<T extends object>(slot: Slot<T>): Composition {
  return { plugins: [wrapper(slot)], wrap: { [slot.id]: ['test.wrapper'] } }
}

/** Passes everything on, as an object of its own. */
function wrapper<T extends object>(slot: Slot<T>) {
  return definePlugin({
    id: 'test.wrapper',
    version: '1.0.0',
    kernel: '^0.1.0',
    wraps: { wrapped: slot },
    setup: ({ inner }) => ({ wrapped: passing(inner.wrapped) }),
  })
}

/** Hands every member on when it is read: of services that are plain objects, frozen ones and instances of classes alike. */
function passing<T extends object>(service: T): T {
  const own = {}
  for (let at: object = service; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name === 'constructor' || Object.hasOwn(own, name)) continue
      Object.defineProperty(own, name, {
        enumerable: true,
        get() {
          const member: unknown = Reflect.get(service, name)
          return typeof member === 'function' ? (...args: unknown[]) => member.apply(service, args) : member
        },
      })
    }
  }
  return own as T
}
