import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

export interface Authority extends Identity {
  /** A certificate of this authority for `localhost`, by that name alone, or for a client. */
  issue(name: string): Identity
}

/** An authority that nobody trusts unless told: certificates in X.509 (RFC 5280), signed with ECDSA over P-256. */
export function createAuthority(name: string): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const cert = certificate({
    subject: name,
    issuer: name,
    of: own.publicKey,
    by: own.privateKey,
    isAuthority: true,
  })
  return {
    cert,
    key: pemKey(own.privateKey),
    issue: (subject) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const issued = { subject, issuer: name, of: publicKey, by: own.privateKey, isAuthority: false }
      return { cert: certificate(issued), key: pemKey(privateKey) }
    },
  }
}

interface Contents {
  readonly subject: string
  readonly issuer: string
  readonly of: KeyObject
  readonly by: KeyObject
  readonly isAuthority: boolean
}

function certificate({ subject, issuer, of, by, isAuthority }: Contents): string {
  const algorithm = sequence(identifier('2a8648ce3d040302'))
  const contents = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer),
    sequence(time(-1), time(1)),
    distinguishedName(subject),
    of.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(of, isAuthority))),
  )
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', contents, by)]))
  return pem('CERTIFICATE', sequence(contents, algorithm, signature))
}

function extensions(of: KeyObject, isAuthority: boolean): Buffer[] {
  const extension = (id: string, value: Buffer): Buffer => sequence(identifier(id), tagged(0x04, value))
  const digest = createHash('sha1')
    .update(of.export({ type: 'spki', format: 'der' }))
    .digest()
  const localhost = sequence(tagged(0x82, Buffer.from('localhost')))
  return [
    extension('551d13', sequence(...(isAuthority ? [tagged(0x01, Buffer.from([0xff]))] : []))),
    extension('551d0e', tagged(0x04, digest)),
    ...(isAuthority ? [] : [extension('551d11', localhost)]),
  ]
}

function distinguishedName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(identifier('550403'), tagged(0x0c, Buffer.from(name)))))
}

/** So many days from now. */
function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return tagged(0x18, Buffer.from(text))
}

/** DER (X.690): a tag, a length, the content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...(length < 128 ? [length] : long)]), content])
}

const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts))
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes)
/** An object identifier by its encoded bytes. */
const identifier = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'))

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

const pemKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
