// The wire format of Redis, as far as a connection needs it that replies from memory.

/** Of the last command that `scanCommand` read: a number that tells its shape. */
export const scanned = { shape: 0 };

const CR = 13;
const CRLF = 2;
const LONGEST_WORD = 12;
/** In a shape: an argument of any text. No length that matters is this long. */
const ANY = 997;
const SHORT = 2;

/**
 * Reads one command. Its shape is the number of its arguments, its name, its script, and the arguments that are short or
 * plain words. Keys, tokens and times differ from command to command, and are no part of it.
 * @returns where it ends; -1 where the rest is still to come
 */
export function scanCommand(text, start) {
  let at = text.indexOf('\r', start);
  if (at < 0) return -1;
  const count = numberIn(text, start + 1);
  let shape = count;
  at += CRLF;
  let script = false;
  for (let i = 0; i < count; i += 1) {
    const end = text.indexOf('\r', at);
    if (end < 0) return -1;
    const length = numberIn(text, at + 1);
    at = end + CRLF;
    if (at + length + CRLF > text.length) return -1;
    // EVALSHA, EVAL and FCALL, in either case, are what begins with an E or an F.
    if (i === 0) script = ((text.charCodeAt(at) | 32) - 101) >>> 1 === 0;
    if (length <= SHORT || i === 0 || (i === 1 && script) || isWord(text, at, length)) {
      shape = (Math.imul(shape, 31) + length) | 0;
      for (let n = 0; n < length; n += 1) shape = (Math.imul(shape, 31) + text.charCodeAt(at + n)) | 0;
    } else shape = (Math.imul(shape, 31) + ANY) | 0;
    at += length + CRLF;
  }
  scanned.shape = shape;
  return at;
}

/** The name of the command that begins there, in lower case. */
export function nameOf(text, start) {
  const [, , name] = text.slice(start, start + 64).split('\r\n');
  return name.toLowerCase();
}

function numberIn(text, from) {
  let value = 0;
  for (let at = from, code; (code = text.charCodeAt(at)) !== CR; at += 1) value = value * 10 + code - 48;
  return value;
}

/** The names of modes and options; no key and no token consists of small letters alone. */
function isWord(text, at, length) {
  if (length > LONGEST_WORD) return false;
  for (let n = 0; n < length; n += 1) {
    const code = text.charCodeAt(at + n);
    if (code < 97 || code > 122) return false;
  }
  return true;
}

/** Where the reply ends that begins there; -1 where the rest is still to come. */
export function endOfReply(bytes, start) {
  const crlf = bytes.indexOf('\r\n', start, 'latin1');
  if (crlf < 0) return -1;
  const after = crlf + CRLF;
  const type = String.fromCharCode(bytes[start]);
  const number = Number(bytes.toString('latin1', start + 1, crlf));
  if ('$=!'.includes(type)) {
    if (number < 0) return after;
    return after + number + CRLF <= bytes.length ? after + number + CRLF : -1;
  }
  if (!'*~>%'.includes(type)) return after;
  let at = after;
  for (let left = type === '%' ? number * 2 : number; left > 0 && at >= 0; left -= 1) {
    at = at < bytes.length ? endOfReply(bytes, at) : -1;
  }
  return at;
}

/** What two replies to commands of one shape have in common: all but fences and times. */
export const likenessOf = (reply) => reply.toString('latin1').replaceAll(/\d{5,}/g, 'n');

/** Is an error in it? */
export const hasError = (reply) => /(^|\r\n)[-!]/.test(reply.toString('latin1'));
