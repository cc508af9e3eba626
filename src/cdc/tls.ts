import type { SslOptions } from 'mysql2'
import { readPemFiles, type TlsOptions } from '../runtime/tls-files.ts'

export type { TlsOptions } from '../runtime/tls-files.ts'

/** Read at every connection, so that renewed certificates are taken up. */
export async function readTls(options: TlsOptions): Promise<SslOptions> {
  const { verify } = options
  return { rejectUnauthorized: verify, verifyIdentity: verify, ...(await readPemFiles(options)) }
}
