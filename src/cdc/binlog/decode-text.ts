/**
 * Text of a column's own character set as the server would send it in utf8mb4: a string, or bytes where these are not
 * valid UTF-8 (halves of surrogate pairs).
 */
export type DecodeText = (buffer: Buffer, start: number, end: number) => string | Buffer
