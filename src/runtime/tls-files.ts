import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
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

/** Throws an `OperatorError` that names the file which is not there, is none, or does not go with the other one. */
export async function readPemFiles({ ca, cert, key }: TlsOptions): Promise<Pem> {
  const pem: Pem = {}
  if (ca !== null) pem.ca = await readPem(ca)
  if (cert !== null) pem.cert = await readPem(cert)
  if (key !== null) pem.key = await readPem(key)
  // Of itself Node takes an authority that is none for no authority at all.
  if (ca !== null) check([ca], () => new X509Certificate(pem.ca ?? ''))
  const pair = [cert, key].filter((path) => path !== null)
  if (pair.length > 0) check(pair, () => createSecureContext(pem))
  return pem
}

function check(paths: readonly string[], use: () => unknown): void {
  try {
    use()
  } catch (error) {
    const isPair = paths.length > 1
    throw new OperatorError({
      code: 'tls-file-invalid',
      message: `${paths.join(' and ')}, which \`tls\` names, ${isPair ? 'are no certificate and its key' : 'is not what it should be'} in PEM`,
      hint: 'A certificate begins with -----BEGIN CERTIFICATE-----, its key with -----BEGIN PRIVATE KEY-----.',
      area: 'configuration',
      cause: error,
    })
  }
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
