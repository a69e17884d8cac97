import { BUILT_INS, replacedFromTarballs } from '../contract/replaced.js'

replacedFromTarballs(BUILT_INS)
