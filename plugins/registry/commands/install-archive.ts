// Asks for the installation of one archive and words its end, for the commands that install and update.
import { actionResult, type CommandContext, type CommandResult } from '../../cli/slot.js'
import type { Received } from '../catalog/offers.js'
import type { Family } from '../family.js'
import { askToInstall, type RequestParts } from '../request.js'

export async function installArchive(
  parts: RequestParts,
  ctx: CommandContext,
  received: Received,
  wanted?: Family,
): Promise<CommandResult> {
  const asked = await askToInstall(parts, ctx, received, wanted)
  if ('installed' in asked) {
    const { id, version, digest, status } = asked.installed
    const json = { id, version, package_digest: digest, status }
    return { json, text: `${id} ${version} is installed already, ${status}.` }
  }
  const { id, version, family, stays, outcome } = asked
  const enable = `cloned ${family.name} enable ${id}`
  const done = `Installed ${id} ${version}.${stays ? '' : `\nNext: ${enable}`}`
  return actionResult(outcome, stays ? done : { done, meanwhile: `Then: ${enable}` }, ctx)
}
