import { defineConfig } from 'vitest/config'
import base, { alias } from './vitest.config.js'
export default defineConfig({ ...base, resolve: { alias: [{ find: /^cloned\/kernel$/, replacement: '/tmp/vt/kernel.ts' }, ...alias] } })
