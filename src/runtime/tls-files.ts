import { readFile } from 'node:fs/promises'
import { OperatorError } from './errors.ts'

/** Paths of PEM files. */
export interface TlsOptions {
  /** The authorities to trust instead of the machine's own. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  /** False accepts any certificate: encrypted, but the server is not proven to be itself. */
  readonly verify: boolean
}

export interface Pem {
  ca?: string
  cert?: string
  key?: string
}

export async function readPemFiles({ ca, cert, key }: TlsOptions): Promise<Pem> {
  const pem: Pem = {}
  if (ca !== null) pem.ca = await readPem(ca)
  if (cert !== null) pem.cert = await readPem(cert)
  if (key !== null) pem.key = await readPem(key)
  return pem
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
