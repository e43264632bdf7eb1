/** The value of a foreign client as a token. Its bytes may be no text, and a release compares them. */

/**
 * The beginning of such a token, before the hexadecimal digits of the value. No text of Redis begins so: a lone surrogate
 * has no form in UTF-8.
 */
const BYTES = '\uDFFF';

/** @param digits the value's bytes, as the script READ_KEY replies them. */
export function tokenOfBytes(digits: string): string {
  return BYTES + digits;
}

/** What the server compares the key's value with. */
export function valueOf(token: string): string | Buffer {
  return token.startsWith(BYTES) ? Buffer.from(token.slice(BYTES.length), 'hex') : token;
}

/** Whether the value was too long for {@link tokenOfBytes}, and may have bytes that are no text. */
export function isGarbled(token: string): boolean {
  return token.includes('\uFFFD');
}
