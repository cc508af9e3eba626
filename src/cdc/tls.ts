import { readFile } from 'node:fs/promises'
import type { SslOptions } from 'mysql2'
import { OperatorError } from '../runtime/errors.ts'

/** Paths of PEM files. */
export interface TlsOptions {
  /** The authorities to trust instead of the machine's own. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  /** False accepts any certificate: encrypted, but the server is not proven to be itself. */
  readonly verify: boolean
}

/** Read at every connection, so that renewed certificates are taken up. */
export async function readTls({ ca, cert, key, verify }: TlsOptions): Promise<SslOptions> {
  const options: SslOptions = { rejectUnauthorized: verify, verifyIdentity: verify }
  if (ca !== null) options.ca = await readPem(ca)
  if (cert !== null) options.cert = await readPem(cert)
  if (key !== null) options.key = await readPem(key)
  return options
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new OperatorError({
      code: 'tls-file-unreadable',
      message: `the file ${path} that \`tls\` names cannot be read`,
      hint: 'Check its path and that the user of this process may read it.',
      area: 'configuration',
      cause: error,
    })
  }
}
