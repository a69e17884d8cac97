// Holds the import rules of the design: who may depend on whom, and where a library may be used.
const only = (name, library, allowed) => ({
  name,
  severity: 'error',
  from: { pathNot: allowed },
  to: { path: library },
})

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'kernel-imports-no-plugin',
      severity: 'error',
      from: { path: '^kernel/' },
      to: { path: '^(plugins|examples)/' },
    },
    {
      name: 'plugin-imports-only-slots-of-others',
      severity: 'error',
      from: { path: '^plugins/([^/]+)/' },
      to: { path: '^plugins/([^/]+)/', pathNot: ['^plugins/$1/', '^plugins/[^/]+/slot\\.ts$'] },
    },
    {
      name: 'plugin-uses-public-entry-points',
      comment: "A built-in is written as a stranger would write it: from 'cloned/kernel', never by a path into it.",
      severity: 'error',
      // plugins/testing.ts is itself the entry point that joins the two halves of the contract kit.
      from: { path: '^(plugins|examples)/', pathNot: '^plugins/testing\\.ts$' },
      to: { path: '^kernel/', dependencyTypes: ['local'] },
    },
    {
      name: 'client-stands-alone',
      comment: 'It runs in browsers: nothing of Node, nothing of the server.',
      severity: 'error',
      from: { path: '^client/' },
      to: { pathNot: '(^client/|node_modules/openapi-fetch/)' },
    },
    {
      name: 'example-uses-public-entry-points',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(plugins|client)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'connector-sdk-imports-nothing',
      comment:
        'Connectors run without dependencies. The test harness stays with their authors, and validates as a host does.',
      severity: 'error',
      from: { path: '^connector/', pathNot: '^connector/testing\\.ts$' },
      to: { pathNot: '^connector/', dependencyTypesNot: ['core'] },
    },
    only('tapable-only-in-hook', '^node_modules/tapable/', '^kernel/hook\\.ts$'),
    only('fastify-only-in-api', '^node_modules/(fastify|@fastify)', '^plugins/api/'),
    only('cac-only-in-cli', '^node_modules/cac/', '^plugins/cli/'),
    only(
      'network-only-in-firewall',
      '^(undici|node:http2?|http2?|node:https|https|node:net|net|node:tls|tls|node:dns|dns|node:dgram|dgram)(/|$)',
      // The trial inside a sandbox tries to get out; so do the cases of connectors, to a server of their own. Hooks and
      // gateways meet at a socket in `.cloned`.
      '(^plugins/((firewall|egress-proxy|api)/|connectors/testing\\.ts$|sandbox-(bubblewrap|runtime)/inside\\.ts$|mcp-clients/hook/(ask|door)\\.ts$)|^examples/(.*\\.test\\.ts$|webhook-receiver/|replace/(api|firewall)/))',
    ),
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(cloned(/|$|-plugin-acme-)|node:sqlite$)' },
    },
  ],
  options: {
    doNotFollow: { path: '^(node_modules|dist)/' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
}
