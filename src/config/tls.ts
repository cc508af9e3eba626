import { z } from 'zod'
import type { TlsOptions } from '../runtime/tls-files.ts'
import { filePath } from './values.ts'

export const tlsSettings = z.strictObject({
  ca: filePath.optional().describe('Certificates (PEM) to trust instead of the system’s.'),
  cert: filePath.optional().describe('Client certificate (PEM).'),
  key: filePath.optional().describe('Key of the client certificate (PEM).'),
  verify: z.boolean().default(true).describe('Whether the server’s certificate and name are checked.'),
})

/** Paths are absolute. */
export type TlsConfig = TlsOptions

export function tlsConfig(
  { ca, cert, key, verify }: z.output<typeof tlsSettings>,
  absolute: (path: string) => string,
): TlsConfig {
  const file = (path: string | undefined): string | null => (path === undefined ? null : absolute(path))
  return { ca: file(ca), cert: file(cert), key: file(key), verify }
}
