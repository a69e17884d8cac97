// Makes plugins that let in whom an identity provider has signed in; keys come from the configuration, never from a token or a network.
import { createPublicKey } from 'node:crypto'
import {
  ClonedError,
  configSchema,
  definePlugin,
  describeThrown,
  gateSlot,
  type JsonObject,
  type Plugin,
} from 'cloned/kernel'
import type { JSONWebKeySet, JWK, JWTPayload } from 'jose'
import { type Authenticator, authenticatorsCollection, type Principal, type Scope } from './slot.js'

/** A claim of a token, and claims within it: `['realm_access', 'roles']`. `email` counts only with `email_verified`. */
type ClaimPath = readonly string[]

/** Scopes for everybody, or for those whose claim is this text or holds it in a list. */
export interface OidcRule {
  readonly claim?: ClaimPath
  readonly is?: string
  readonly scopes: readonly (Scope | '*')[]
}

/** Configuration of a plugin that {@link oidcPlugin} makes. */
export interface OidcConfig {
  /** `iss`, exactly. */
  readonly issuer: string
  /** `aud`, or one of them: a token for another application is none. */
  readonly audience: string
  /** The public keys of the issuer, as its `jwks_uri` answers. A new key is a change of the configuration. */
  readonly jwks: JSONWebKeySet
  /**
   * The claim that names the actor, as `user:` and its value; default `sub`. Letters, digits and `_.@+-` alone.
   */
  readonly actor: ClaimPath
  /** All that match are added up. Nobody gets in whom none gives a scope. */
  readonly rules: readonly OidcRule[]
}

const PATH: JsonObject = {
  type: 'array',
  minItems: 1,
  maxItems: 5,
  items: { type: 'string', minLength: 1, maxLength: 200 },
}
const TEXT: JsonObject = { type: 'string', minLength: 1, maxLength: 1000 }
const config = configSchema<OidcConfig>({
  type: 'object',
  additionalProperties: false,
  required: ['issuer', 'audience', 'jwks', 'rules'],
  properties: {
    issuer: TEXT,
    audience: TEXT,
    jwks: {
      type: 'object',
      required: ['keys'],
      properties: {
        keys: {
          type: 'array',
          minItems: 1,
          maxItems: 50,
          items: {
            type: 'object',
            required: ['kty'],
            // No shared secret, and nothing private: whoever reads the configuration could sign.
            properties: { kty: { enum: ['RSA', 'EC', 'OKP'] }, d: false },
          },
        },
      },
    },
    actor: { ...PATH, default: ['sub'] },
    rules: {
      type: 'array',
      minItems: 1,
      maxItems: 200,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['scopes'],
        dependentRequired: { claim: ['is'], is: ['claim'] },
        properties: {
          claim: PATH,
          is: TEXT,
          scopes: {
            type: 'array',
            minItems: 1,
            maxItems: 100,
            items: { type: 'string', pattern: '^(\\*|[a-z][a-z-]*:[a-z][a-z-]*)$' },
          },
        },
      },
    },
  },
})

/** Asymmetric ones alone: with a public key as a shared secret anybody could sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const CLOCK_TOLERANCE_S = 30
const NAME = /^[\w.@+-]+$/
/** Of an actor's id. */
const MAX_NAME = 128

/**
 * A plugin of this id that takes `Authorization: Bearer` with a JSON Web Token of one issuer, configured by
 * {@link OidcConfig}; one plugin for each issuer.
 */
export function oidcPlugin(id: string): Plugin {
  return definePlugin({
    id,
    version: '0.1.0',
    kernel: '^0.1.0',
    stability: 'beta',
    description: 'Lets in whom an identity provider has signed in, with the scopes that its claims give',
    requires: { gate: gateSlot },
    contributes: { authenticators: authenticatorsCollection },
    config,
    setup({ deps: { gate }, config, now }) {
      mustBeSound(config.jwks, id)
      const read = tokenReader(config, now)
      const authenticator: Authenticator = {
        scheme: 'Bearer',
        async authenticate({ credentials }): Promise<Principal | undefined> {
          const claims = await read(credentials)
          // One issuer says nothing about whom another means by the same name, nor about users of this machine.
          const name = claims && nameIn(claims, config.actor)
          const scopes = new Set(config.rules.filter((rule) => matches(claims, rule)).flatMap(({ scopes }) => scopes))
          if (name === undefined || name.length + id.length >= MAX_NAME || scopes.size === 0) return undefined
          return { actor: gate.actor({ id: `user:${name}@${id}`, osUser: '' }), scopes, via: 'oidc' }
        },
      }
      return { authenticators: [authenticator] }
    },
  })
}

function mustBeSound({ keys }: JSONWebKeySet, plugin: string): void {
  const problems = keys.flatMap((jwk, i) => {
    const problem = problemOf(jwk)
    return problem === undefined ? [] : [`/jwks/keys/${i} ${problem}`]
  })
  if (problems.length === 0) return
  throw new ClonedError('CONFIG_INVALID', { plugin, problems: problems.join('; '), where: `config['${plugin}']` })
}

function problemOf(jwk: JWK): string | undefined {
  try {
    const { modulusLength = 2048 } = createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails ?? {}
    return modulusLength < 2048 ? `has ${modulusLength} bits; 2048 are the least` : undefined
  } catch (error) {
    return `is no public key (${describeThrown(error)})`
  }
}

/** Answers the claims of a token that is good now, here; `undefined` for any other text. */
function tokenReader({ issuer, audience, jwks }: OidcConfig, now: () => number) {
  return async (token: string): Promise<JWTPayload | undefined> => {
    const { createLocalJWKSet, errors, jwtVerify } = await import('jose')
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['sub', 'exp', 'iat'],
        currentDate: new Date(now()),
      })
      return payload
    } catch (error) {
      // The client is told nothing but 401.
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }
}

function nameIn(claims: JWTPayload, path: ClaimPath): string | undefined {
  const value = at(claims, path)
  return typeof value === 'string' && NAME.test(value) ? value : undefined
}

function matches(claims: JWTPayload | undefined, { claim, is }: OidcRule): boolean {
  if (claim === undefined) return true
  const value = at(claims, claim)
  return Array.isArray(value) ? value.includes(is) : value === is
}

function at(claims: JWTPayload | undefined, path: ClaimPath): unknown {
  // What somebody typed into a form is nobody's address.
  if (path.join() === 'email' && claims?.['email_verified'] !== true) return undefined
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    claims,
  )
}
