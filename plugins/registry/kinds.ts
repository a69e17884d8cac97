// Defines the kinds of action that change what is installed; each input binds the approval to one exact package.
import { actionKind, type JsonObject } from 'cloned/kernel'
import { beforeConnectorInstall } from './slot.js'

/** The package that is to be installed, and the one it takes the place of. */
export type ConnectorInstall = {
  readonly id: string
  readonly version: string
  readonly publisher: string
  /** SHA-256 of the manifest. */
  readonly digest: string
  /** SHA-256 of the archive, which waits for the decision as `.cloned/packages/incoming/<archive>.tgz` (mode 0600). */
  readonly archive: string
  /** Digest of the package of this id that is installed; `null` without one. */
  readonly previous: string | null
}

/** An installed package; the digest keeps an approval from meaning another one. */
export type ConnectorSwitch = { readonly id: string; readonly digest: string }

/** What a change answers. */
export type ConnectorChanged = {
  readonly id: string
  readonly version: string
  readonly digest: string
  readonly enabled: boolean
}

/** Runs in the process that decides. */
export const connectorInstall = actionKind<ConnectorInstall, ConnectorChanged, 'connector.install'>({
  id: 'connector.install',
  contract: 1,
  record: 'connector',
  onApproval: 'execute',
  guard: beforeConnectorInstall,
})

function switching<Id extends string>(id: Id) {
  return actionKind<ConnectorSwitch, ConnectorChanged, Id>({
    id,
    contract: 1,
    record: 'connector',
    onApproval: 'execute',
  })
}

export const connectorEnable = switching('connector.enable')
export const connectorDisable = switching('connector.disable')
export const connectorRemove = switching('connector.remove')

const digest: JsonObject = { type: 'string', pattern: '^[0-9a-f]{64}$' }
const text: JsonObject = { type: 'string', maxLength: 100 }

export const installInput: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'version', 'publisher', 'digest', 'archive', 'previous'],
  properties: {
    id: text,
    version: text,
    publisher: text,
    digest,
    archive: digest,
    previous: { type: ['string', 'null'], pattern: '^[0-9a-f]{64}$' },
  },
}

export const switchInput: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'digest'],
  properties: { id: text, digest },
}
