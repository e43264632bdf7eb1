// The prose of a file, in a text of equal length. Everything else is blank, so that offsets stay right.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Stands for code between two pieces of prose. A phrase or a sentence ends there. */
export const BREAK = '\u0001';

const blank = (text) => text.replace(/[^\n]/g, ' ');
/** Code within a sentence counts as one word. */
const oneWord = (text) => text.replace(/[^\n]/g, '_');

/** `text` with only the comments at the given ranges, which are in order, and with a break before each comment. */
function keep(text, ranges) {
  let result = '';
  let at = 0;
  for (const [from, to] of ranges) {
    const code = blank(text.slice(at, from));
    // Adjacent comments of one text line each are one piece of prose.
    const joined = /^\n? *$/.test(text.slice(at, from)) && at > 0;
    result += joined || code === '' ? code : BREAK + code.slice(1);
    result += withoutMarks(text.slice(from, to));
    at = to;
  }
  return result + blank(text.slice(at));
}

/** A comment without its marks, tags and code. */
function withoutMarks(comment) {
  return (
    comment
      .replace(/^[ \t]*(?:\/\*\*?|\*\/|\*|\/\/+|--(?:\[=*\[)?)|\*\/$|\]=*\]$/gm, blank)
      .replace(/(?:```|~~~)[\s\S]*?(?:```|~~~)/g, blank)
      .replace(/`[^`\n]+`|\{@\w+ [^}]*\}|https?:\/\/\S+/g, oneWord)
      // An example is code, up to the next tag.
      .replace(/^[ \t]*@example[\s\S]*?(?=^[ \t]*@\w|$(?![\s\S]))/gm, blank)
      .replace(/^([ \t]*)@\w+/gm, (match) => BREAK + blank(match).slice(1))
  );
}

/** Finds comments with the compiler's parser, because a string may contain the marks of a comment. */
function scriptComments(path, text) {
  const ts = require('typescript');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const ranges = new Map();
  const add = (found) => {
    for (const { pos, end } of found ?? []) ranges.set(pos, end);
  };
  const visit = (node) => {
    if (node.kind === ts.SyntaxKind.JsxText) return;
    const children = node.getChildren(file);
    if (children.length > 0) return children.forEach(visit);
    add(ts.getLeadingCommentRanges(text, node.pos));
    add(ts.getTrailingCommentRanges(text, node.end));
  };
  visit(file);
  return [...ranges].sort(([a], [b]) => a - b);
}

const LUA_COMMENT = /--\[(=*)\[[\s\S]*?\]\1\]|--[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
const C_COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"/g;

function commentsBy(pattern, text) {
  return [...text.matchAll(pattern)]
    .filter(([match]) => !/^["']/.test(match))
    .map(({ 0: match, index }) => [index, index + match.length]);
}

function markdown(text) {
  return (
    text
      .replace(/^( *)(```+|~~~+)[^\n]*\n[\s\S]*?^ *\2[^\n]*$/gm, (match) => BREAK + blank(match).slice(1))
      .replace(/<!--[\s\S]*?-->/g, blank)
      .replace(/`[^`]+`/g, oneWord)
      // Removes the address of a link, and keeps its text.
      .replace(/\]\([^)\s]*\)/g, blank)
      .replace(/https?:\/\/\S+/g, oneWord)
      // A heading, an item of a list and a cell of a table are separate pieces of prose.
      .replace(/^( *)(?:#+|[-*+]|\d+\.) /gm, (match) => BREAK + blank(match).slice(1))
      .replace(/\|/g, BREAK)
  );
}

/** The prose of a file, and undefined for a type of file without prose. */
export function proseOf(path, text) {
  switch (/\.(\w+)$/.exec(path)?.[1]) {
    case 'md':
      return markdown(text);
    case 'ts':
    case 'mjs':
    case 'cjs':
    case 'js':
      return keep(text, scriptComments(path, text));
    case 'lua':
      return keep(text, commentsBy(LUA_COMMENT, text));
    case 'pml':
      return keep(text, commentsBy(C_COMMENT, text));
    default:
      return undefined;
  }
}
