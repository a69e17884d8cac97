// Undoes the content codings of a response; must never make more bytes out of it than were asked for.
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { ClonedError, describeThrown } from 'cloned/kernel'

const MAX_CODINGS = 2
const CODINGS = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/** The decoded body. Throws `EGRESS_RESPONSE` for an unknown coding, more than two, damage, or more than `maxBytes`. */
export async function decode(
  body: Buffer,
  header: string | readonly string[] | undefined,
  { maxBytes, host }: { maxBytes: number; host: string },
): Promise<Buffer> {
  const named = [header ?? []].flat().join(',').toLowerCase().split(',')
  const codings = named.map((coding) => coding.trim()).filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length === 0 || body.length === 0) return body
  const refused = (problem: string) => new ClonedError('EGRESS_RESPONSE', { host, problem })
  if (codings.length > MAX_CODINGS) throw refused(`it is encoded ${codings.length} times`)
  let decoded = body
  for (const coding of codings.reverse()) {
    if (!isKnown(coding)) throw refused(`its content coding is not known: ${coding.slice(0, 40)}`)
    try {
      decoded = await CODINGS[coding](decoded, { maxOutputLength: maxBytes })
    } catch (error) {
      const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      throw refused(
        tooLarge ? `it decodes to more than ${maxBytes} bytes` : `it does not decode: ${describeThrown(error)}`,
      )
    }
  }
  return decoded
}

function isKnown(coding: string): coding is keyof typeof CODINGS {
  return Object.hasOwn(CODINGS, coding)
}
