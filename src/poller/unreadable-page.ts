/** A body that is no page at all; the message completes the sentence "page 17 …". */
export class UnreadablePage extends Error {
  readonly code: 'not-json' | 'page-shape'

  readonly hint: string | undefined

  constructor(code: 'not-json' | 'page-shape', message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}
