import { describe, expect, it } from 'vitest'
import { databaseOfUrl, parseServerUrl } from '../../../src/cdc/server-url.ts'
import { SynclineError } from '../../../src/runtime/errors.ts'
import { changed, problemsOf } from '../config/write-config.ts'

function refusalOf(url: string): string {
  try {
    return `taken: ${JSON.stringify(parseServerUrl(url))}`
  } catch (error) {
    if (!(error instanceof SynclineError)) throw error
    return `${error.code}: ${error.message} ${error.hint ?? ''}`
  }
}

function checked(url: string): string {
  return problemsOf(changed('mysql://reader@db.example:3316/data_engineer', JSON.stringify(url))).join('\n')
}

describe('the url of a MySQL server', () => {
  it('says who connects where, escapes resolved', () => {
    const url = 'mariadb://us%40er:p%2Fw%3F@[::1]/my%20db'
    expect(parseServerUrl(url)).toEqual({
      host: '::1',
      port: 3306,
      user: 'us@er',
      password: 'p/w?',
      address: '::1:3306',
    })
    expect(databaseOfUrl(url)).toBe('my db')
    expect(checked(url)).toBe('')
  })

  it.each([
    'ssl-mode=REQUIRED',
    'ssl=true',
    'useSSL=true',
    'sslMode=VERIFY_CA',
    'tls=1',
    'charset=x&ssl-ca=/ca.pem',
  ])('with ?%s is refused, and `tls:` named, rather than connected in plain text', (query) => {
    const url = `mysql://u:p@h/db?${query}`
    expect(refusalOf(url)).toMatch(/^url-invalid: .*`tls:`/)
    expect(checked(url)).toContain('`tls:`')
  })

  it.each([
    'mysql://u:p@h/db?charset=utf8',
    'mysql://u:p@h/db#x',
    'mysql://u:p@h/db/more',
    'mysql://u:p%w@h/db',
  ])('%s is refused, since a part of it would be ignored', (url) => {
    expect(refusalOf(url)).toMatch(/^url-invalid: /)
    expect(checked(url)).toContain('percent-encode')
  })

  it.each(['1234/Hunter', 'Hunter/22', '1234?Hunter', '1234#Hunter', '1/Hun@ter/2', 'Hunter%22%'])(
    'with the password %s not escaped is refused without a part of it in the message',
    (password) => {
      const url = `mysql://u:${password}@h/db`
      expect(refusalOf(url)).toMatch(/^url-invalid: .*percent-encoded/)
      expect(checked(url)).toContain('percent-encode')
      expect(refusalOf(url) + checked(url)).not.toMatch(/1234|Hun/)
    },
  )
})
