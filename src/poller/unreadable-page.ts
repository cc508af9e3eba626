/** A body that is no page at all; the message completes the sentence "page 17 …". */
export class UnreadablePage extends Error {
  readonly code: 'not-json' | 'page-shape'

  constructor(code: 'not-json' | 'page-shape', message: string) {
    super(message)
    this.code = code
  }
}
