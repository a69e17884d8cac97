// Lists the special-purpose address ranges with what each may be used for; a range missing here could be dialled.

/**
 * What an address may be used for. `public`: any allowed host. `private` and `loopback`: only where the rule grants the
 * address. `never`: not even then.
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'never'

/** The first row that matches decides. Sources: IANA special-purpose registries, RFC by RFC; vendors for metadata. */
export const IPV4_RANGES: readonly (readonly [cidr: string, kind: AddressClass, source: string])[] = [
  // Metadata and platform services that answer on addresses every library calls public or merely shared.
  ['168.63.129.16/32', 'never', 'Azure WireServer'],
  ['100.100.100.200/32', 'never', 'Alibaba Cloud metadata'],
  ['0.0.0.0/8', 'never', 'RFC 791, this network'],
  ['10.0.0.0/8', 'private', 'RFC 1918'],
  ['100.64.0.0/10', 'private', 'RFC 6598, shared address space'],
  ['127.0.0.0/8', 'loopback', 'RFC 1122'],
  ['169.254.0.0/16', 'never', 'RFC 3927, link local and metadata'],
  ['172.16.0.0/12', 'private', 'RFC 1918'],
  ['192.0.0.0/24', 'never', 'RFC 6890, protocol assignments'],
  ['192.0.2.0/24', 'never', 'RFC 5737, documentation'],
  ['192.31.196.0/24', 'never', 'RFC 7535, AS112'],
  ['192.52.193.0/24', 'never', 'RFC 7450, AMT'],
  ['192.88.99.0/24', 'never', 'RFC 7526, 6to4 relay'],
  ['192.168.0.0/16', 'private', 'RFC 1918'],
  ['192.175.48.0/24', 'never', 'RFC 7534, AS112'],
  ['198.18.0.0/15', 'never', 'RFC 2544, benchmarking'],
  ['198.51.100.0/24', 'never', 'RFC 5737, documentation'],
  ['203.0.113.0/24', 'never', 'RFC 5737, documentation'],
  ['224.0.0.0/4', 'never', 'RFC 5771, multicast'],
  ['240.0.0.0/4', 'never', 'RFC 1112, reserved; 255.255.255.255 RFC 919'],
]

/** Likewise. Whatever no row names is `public` inside 2000::/3 and `never` outside, embedded IPv4 included. */
export const IPV6_RANGES: readonly (readonly [cidr: string, kind: AddressClass, source: string])[] = [
  ['::1/128', 'loopback', 'RFC 4291'],
  ['fd00:ec2::/32', 'never', 'AWS metadata'],
  ['fd20:ce::254/128', 'never', 'Google Cloud metadata'],
  ['fd00:c1::a9fe:a9fe/128', 'never', 'Oracle Cloud metadata'],
  ['fd00:42::42/128', 'never', 'Scaleway metadata'],
  ['fd00:a9fe:a9fe::1/128', 'never', 'metadata'],
  ['fd00:100::100:200/128', 'never', 'metadata'],
  ['fc00::/7', 'private', 'RFC 4193, unique local'],
  ['2001::/23', 'never', 'RFC 2928: Teredo, ORCHID, benchmarking'],
  ['2001:db8::/32', 'never', 'RFC 3849, documentation'],
  ['2002::/16', 'never', 'RFC 3056, 6to4'],
  ['2620:4f:8000::/48', 'never', 'RFC 7534, AS112'],
  ['3fff::/20', 'never', 'RFC 9637, documentation'],
  ['2000::/3', 'public', 'RFC 4291, global unicast'],
  ['::/0', 'never', 'mapped, compatible, NAT64, ISATAP and link-local space, multicast, unassigned'],
]
