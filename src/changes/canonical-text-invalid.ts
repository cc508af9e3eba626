/** A value that is not of its declared type; `reason` completes the sentence "<value> …". */
export class Invalid {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}
