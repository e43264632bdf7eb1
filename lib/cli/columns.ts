/** How many columns of a terminal a text takes, and texts that fit. */

/** Marks that are drawn over the character before them. */
const NO_COLUMN = /^\p{M}$/u;

/** Pictures take two columns. The letters of flags are among them, although each takes one. */
const PICTURE = /^(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji_Presentation}$/u;

/** The first and the last character of each range that Unicode calls wide or full-width (UAX 11), without pictures. */
const WIDE: ReadonlyArray<readonly [number, number]> = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2630, 0x2637],
  [0x268a, 0x268f],
  [0x2e80, 0x303e],
  [0x3041, 0x3247],
  [0x3250, 0xa4c6],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1d300, 0x1d376],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

/** The columns of a text without escape sequences. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

/** Cuts a text after so many columns. Colours take none. */
export function cut(text: string, columns: number): string {
  // eslint-disable-next-line no-control-regex -- the escape sequences of colours
  const parts = text.match(/\x1b\[[\d;]*m|[^]/gu) ?? [];
  let room = columns;
  let full = false;
  return parts
    .filter((part) => {
      if (part.startsWith('\x1b')) return true;
      const needed = columnsOf(part);
      full ||= needed > room;
      room -= needed;
      return !full;
    })
    .join('');
}

function columnsOfOne(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (NO_COLUMN.test(character)) return 0;
  const wide = PICTURE.test(character) || WIDE.some(([first, last]) => code >= first && code <= last);
  return wide ? 2 : 1;
}
