// Reads headers of HTTP requests.

import type { McpRequest, McpResponse } from './slot.js'

export type HttpRequest = McpRequest
export type HttpResponse = McpResponse

export function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value?.trim()
}
