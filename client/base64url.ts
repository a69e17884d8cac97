// Writes bytes as base64url without padding, in Node and in browsers.

export function base64url(data: ArrayBuffer | Uint8Array): string {
  const binary = String.fromCharCode(...new Uint8Array(data))
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
