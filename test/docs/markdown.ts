/** Reads the README and the pages of docs: their code blocks, tables and links. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A text line of a block's source, and its place on a page or in a fixture. */
interface SourceLine {
  readonly text: string;
  /** Page and line number, such as `docs/keys.md:12`. */
  readonly at: string;
}

/**
 * A block of TypeScript. Comments beside it add to it:
 *
 * - `<!-- fixture: name -->` before it: `fixtures/name.md` has the code that goes before the block, such as imports, and
 *   the code that runs after it, with assertions.
 * - `<!-- runs -->` before it: the block is a program, and is run. A block with code after it is run too.
 * - `<!-- prints -->` and a block of text after it: the output that the run must have.
 * - `<!-- excerpt: test/transactions/recipes/name.ts -->` before it: the block is a part of that file. It uses packages
 *   that are not installed here, so the specs of that folder compile and run the file.
 */
export interface Block {
  readonly page: string;
  /** The line number of its first line of code, from 1. */
  readonly lineNumber: number;
  /** The code before the block, the block, and the code after it. */
  readonly source: string;
  /** Where a text line of the source stands, by its line number from 0. */
  readonly placeOf: (lineNumber: number) => string;
  readonly runs: boolean;
  readonly prints: string | undefined;
  /** The file that the block is a part of. Such a block is not compiled here. */
  readonly excerptOf: string | undefined;
}

/** The code around a block. */
interface Fixture {
  readonly before: readonly SourceLine[];
  readonly after: readonly SourceLine[];
}

export interface Table {
  /** The name in the comment before the table: `<!-- table: options of AcquireOptions -->`. */
  readonly name: string;
  readonly rows: readonly (readonly string[])[];
}

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

export function readPages(): Page[] {
  const docs = readdirSync('docs').filter((file) => file.endsWith('.md'));
  return ['README.md', ...docs.map((file) => join('docs', file))].map((path) => ({
    path,
    text: readFileSync(path, 'utf8'),
  }));
}

/** A comment or a fenced block; `from` and `to` are the text lines of its content, 0-based, `to` exclusive. */
interface Piece {
  readonly kind: 'comment' | 'fence';
  /** The text of the comment, or the text behind the marks that open the fence. */
  readonly info: string;
  readonly from: number;
  readonly to: number;
}

const FIXTURES = 'test/docs/fixtures';
const FIXTURE = /^fixture: ([\w-]+)$/;
const EXCERPT = /^excerpt: (test\/transactions\/recipes\/[\w./-]+\.ts)$/;

export function blocksOf({ path, text }: Page): Block[] {
  const textLines = text.split('\n');
  const pieces = piecesOf(textLines);
  const beside = (piece: Piece | undefined, other: Piece): boolean =>
    piece !== undefined &&
    textLines
      .slice(Math.min(piece.to, other.to), Math.max(piece.from, other.from))
      .every((textLine) => /^(```[\w ]*|<!--.*-->)?$/.test(textLine.trim()));
  return pieces.flatMap((piece, at) => {
    if (piece.kind !== 'fence' || piece.info !== 'ts') return [];
    const before: string[] = [];
    for (let i = at - 1; pieces[i]?.kind === 'comment' && beside(pieces[i], pieces[i + 1]); i -= 1) {
      before.push(pieces[i].info);
    }
    const [printed, output] = [pieces[at + 1], pieces[at + 2]];
    const prints = printed?.info === 'prints' && beside(printed, piece) && beside(output, printed);
    const name = before.flatMap((info) => FIXTURE.exec(info)?.[1] ?? [])[0];
    const fixture = name === undefined ? { before: [], after: [] } : readFixture(name);
    const source = [...fixture.before, ...sourceOf(path, textLines, piece), ...fixture.after];
    return [
      {
        page: path,
        lineNumber: piece.from + 1,
        source: source.map((each) => each.text).join('\n'),
        placeOf: (lineNumber) => source[lineNumber]?.at ?? path,
        runs: fixture.after.length > 0 || prints || before.includes('runs'),
        prints: prints ? textLines.slice(output.from, output.to).join('\n') : undefined,
        excerptOf: before.flatMap((info) => EXCERPT.exec(info)?.[1] ?? [])[0],
      },
    ];
  });
}

/** The names of the fixtures that a page uses. */
export function fixturesOf({ text }: Page): string[] {
  return piecesOf(text.split('\n')).flatMap(({ info }) => FIXTURE.exec(info)?.[1] ?? []);
}

/** The names of all fixtures. */
export function fixtureNames(): string[] {
  return readdirSync(FIXTURES).map((file) => file.replace(/\.md$/, ''));
}

function readFixture(name: string): Fixture {
  const path = `${FIXTURES}/${name}.md`;
  const textLines = readFileSync(path, 'utf8').split('\n');
  const pieces = piecesOf(textLines);
  const part = (info: string): SourceLine[] =>
    pieces.filter((piece) => piece.info === info).flatMap((piece) => sourceOf(path, textLines, piece));
  return { before: part('ts before'), after: part('ts after') };
}

function sourceOf(path: string, textLines: readonly string[], { from, to }: Piece): SourceLine[] {
  return textLines.slice(from, to).map((text, i) => ({ text, at: `${path}:${from + i + 1}` }));
}

function piecesOf(textLines: readonly string[]): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < textLines.length; i += 1) {
    const textLine = textLines[i];
    const whole = /^<!-- (.*?) -->$/.exec(textLine);
    const opening = /^```([\w ]*)$/.exec(textLine);
    if (whole !== null) {
      pieces.push({ kind: 'comment', info: whole[1], from: i, to: i });
    } else if (opening !== null) {
      const end = textLines.indexOf('```', i + 1);
      if (end < 0) throw new Error(`Nothing closes the code at line number ${i + 1}: ${textLine}`);
      pieces.push({ kind: 'fence', info: opening[1], from: i + 1, to: end });
      i = end;
    } else if (/^<!-- (given|then)\b/.test(textLine)) {
      throw new Error(
        `Code that no reader sees belongs into a file of ${FIXTURES}. Line number ${i + 1}: ${textLine}`,
      );
    }
  }
  return pieces;
}

export function tablesOf({ text }: Page): Table[] {
  return [...text.matchAll(/^<!-- table: (.*) -->\n+((?:\|.*\n)+)/gm)].map(([, name, body]) => {
    const rows = body
      .trim()
      .split('\n')
      .map((row) =>
        row
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim().replaceAll('\\|', '|')),
      );
    return { name, rows: rows.slice(2) };
  });
}

/** The targets of links to other files of the repository and to headings. */
export function linksOf({ text }: Page): string[] {
  const prose = text.replace(/^```.*?^```/gms, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^\w+:/.test(target));
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf({ text }: Page): Set<string> {
  const prose = text.replace(/^```.*?^```/gms, '');
  return new Set(
    [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
