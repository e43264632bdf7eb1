/** Reads the README and the pages of docs: their code blocks, tables and links. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A block of TypeScript. Comments beside it, which no reader sees, add to it:
 *
 * - `<!-- given … -->` before it: code that it builds on, such as imports.
 * - `<!-- runs -->` before it: it is a program, and is run.
 * - `<!-- then … -->` after it: code that is run behind it, with assertions.
 * - `<!-- prints -->` and a block of text after it: what the run logs.
 */
export interface Block {
  readonly page: string;
  /** Of the block's first line of code, from 1. */
  readonly line: number;
  /** The page with all else blank: so the compiler's line numbers are the page's. */
  readonly source: string;
  readonly runs: boolean;
  readonly prints: string | undefined;
}

export interface Table {
  /** What the comment before it says: `<!-- table: options of AcquireOptions -->`. */
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

/** A comment or a fenced block; `from` and `to` are the lines of its content, 0-based, `to` exclusive. */
interface Piece {
  readonly kind: 'comment' | 'fence';
  readonly info: string;
  readonly from: number;
  readonly to: number;
}

export function blocksOf({ path, text }: Page): Block[] {
  const lines = text.split('\n');
  const pieces = piecesOf(lines);
  const beside = (piece: Piece | undefined, other: Piece): boolean =>
    piece !== undefined &&
    lines
      .slice(Math.min(piece.to, other.to), Math.max(piece.from, other.from))
      .every((line) => /^(```\w*|<!--.*|-->)?$/.test(line.trim()));
  return pieces.flatMap((piece, at) => {
    if (piece.kind !== 'fence' || piece.info !== 'ts') return [];
    const before: Piece[] = [];
    for (let i = at - 1; pieces[i]?.kind === 'comment' && beside(pieces[i], pieces[i + 1]); i -= 1) {
      before.push(pieces[i]);
    }
    const after: Piece[] = [];
    for (let i = at + 1; pieces[i] !== undefined && beside(pieces[i - 1], pieces[i]); i += 1) {
      after.push(pieces[i]);
      if (pieces[i].kind === 'fence') break;
    }
    const given = before.find(({ info }) => info === 'given');
    const then = after.find(({ info }) => info === 'then');
    const printed = after.findIndex(({ info }) => info === 'prints');
    const output = printed < 0 ? undefined : after[printed + 1];
    const kept = [given, piece, then].filter((each) => each !== undefined);
    const inside = (line: number): boolean => kept.some(({ from, to }) => line >= from && line < to);
    return [
      {
        page: path,
        line: piece.from + 1,
        source: lines.map((line, i) => (inside(i) ? line : '')).join('\n'),
        runs: then !== undefined || output !== undefined || before.some(({ info }) => info === 'runs'),
        prints: output === undefined ? undefined : lines.slice(output.from, output.to).join('\n'),
      },
    ];
  });
}

function piecesOf(lines: readonly string[]): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i];
    const whole = /^<!-- (.*?) -->$/.exec(line);
    const opening = /^(?:```(\w*)|<!-- (\w+))$/.exec(line);
    if (whole !== null) {
      pieces.push({ kind: 'comment', info: whole[1], from: i, to: i });
    } else if (opening !== null) {
      const kind = opening[2] === undefined ? 'fence' : 'comment';
      const end = lines.indexOf(kind === 'fence' ? '```' : '-->', i + 1);
      if (end < 0) throw new Error(`Nothing closes line ${i + 1}: ${line}`);
      pieces.push({ kind, info: opening[1] ?? opening[2], from: i + 1, to: end });
      i = end;
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
