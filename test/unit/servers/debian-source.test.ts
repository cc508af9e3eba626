import { expect, test } from 'vitest'
import { sourceFromDeb822, sourceFromList } from '../../../scripts/servers/debian-package.mjs'

test('a deb822 source keeps its archive and key and gets the other suite', () => {
  const text = `# written by the installer
Types: deb deb-src
# a snapshot
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.example/debian-security
Suites: bookworm-security
Components: main
`
  expect(sourceFromDeb822(text, 'unstable')).toBe(`Types: deb
URIs: http://archive.example/debian
Suites: unstable
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`)
})

test('a source that is switched off, of another kind or foreign is passed over', () => {
  const stanza = (lines: string) => `URIs: http://archive.example/x\nComponents: main\n${lines}\n`
  const text = [
    stanza('Types: deb\nSuites: bookworm\nEnabled: no'),
    stanza('Types: deb-src\nSuites: bookworm'),
    stanza('Types: deb\nSuites: nodistro'),
    stanza('Types: deb\nSuites: bookworm-security'),
  ].join('\n')
  expect(sourceFromDeb822(text, 'unstable')).toBeUndefined()
})

test('a one-line source keeps its options and gets the other suite', () => {
  const text = `# deb http://old.example/debian bookworm main
deb-src http://archive.example/debian bookworm main
deb http://archive.example/debian-security bookworm-security main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://archive.example/debian trixie main contrib
`
  expect(sourceFromList(text, 'bookworm')).toBe(
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://archive.example/debian bookworm main\n',
  )
  expect(sourceFromList('deb http://archive.example/ubuntu noble main\n', 'bookworm')).toBeUndefined()
})
