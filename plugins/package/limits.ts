// The limits of packages; what is over one is refused before it is read.

const MIB = 1024 * 1024

export const MAX_ARCHIVE_BYTES = 64 * MIB
export const MAX_UNPACKED_BYTES = 256 * MIB
export const MAX_MANIFEST_BYTES = MIB
export const MAX_SIGNATURE_BYTES = 64 * 1024
export const MAX_FILES = 10_000
