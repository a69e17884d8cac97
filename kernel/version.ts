// States the version that plugins' `kernel` ranges are checked against; equal to the package's, held by a test.
export const KERNEL_VERSION = '0.1.0'
