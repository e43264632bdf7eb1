// Names each place with an old word, and the word to use instead: in identifiers, file names, comments, messages and
// pages. `npm run lint:words` reads the repository, and `npm run lint:words -- lib docs/keys.md` some files or folders.
import { ALLOWED, OLD_WORDS, SKIPPED, TEXT_VARIABLES } from './checks/old-words.mjs';
import { lineNumbers, textFiles } from './checks/tracked-files.mjs';

const single = new Map();
const pairs = new Map();
for (const [use, ...forms] of OLD_WORDS) {
  for (const form of forms) {
    const [first, ...rest] = form.split(' ');
    const second = rest.pop();
    // With `…`, up to two other words may stand in between.
    const between = rest.length > 0 ? 2 : 0;
    if (second === undefined) single.set(first, use);
    else pairs.set(first, [...(pairs.get(first) ?? []), { second, between, use }]);
  }
}

/**
 * The text that may stand between the words of one phrase: spaces, a hyphen, the marks of a comment's next text line.
 */
const JOINT = /^[ \t_-]*(?:\r?\n[ \t]*(?:\*|\/\/|--|#|>)?[ \t]*)?$/;

/** The words of a text in lower case, with their places. `readKeyNames` and `READ_KEY_NAMES` have three words each. */
function wordsOf(text) {
  return [...text.matchAll(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g)].map(({ 0: word, index }) => ({
    word: word.toLowerCase(),
    index,
    end: index + word.length,
  }));
}

function pairAt(text, words, i) {
  for (const { second, between, use } of pairs.get(words[i].word) ?? []) {
    for (let j = i + 1; j < words.length && j <= i + 1 + between; j++) {
      if (!JOINT.test(text.slice(words[j - 1].end, words[j].index))) break;
      if (words[j].word === second) return { end: j, use };
    }
  }
  return undefined;
}

/** The old words of a text, in their order. */
function oldWordsIn(text, path = '') {
  const allowed = TEXT_VARIABLES.files.test(path) ? [...ALLOWED, TEXT_VARIABLES.names] : ALLOWED;
  const read = allowed.reduce(
    (rest, phrase) => rest.replace(phrase, (match) => '.'.repeat(match.length)),
    text,
  );
  const words = wordsOf(read);
  const found = [];
  for (let i = 0; i < words.length; i++) {
    const pair = pairAt(read, words, i);
    const use = pair?.use ?? single.get(words[i].word);
    if (use === undefined) continue;
    const last = pair?.end ?? i;
    found.push({ index: words[i].index, word: text.slice(words[i].index, words[last].end), use });
    i = last;
  }
  return found;
}

/** The text without the released versions of the changelog, which keep their words. */
function withoutHistory(path, text) {
  const released = path === 'CHANGELOG.md' ? text.search(/^## \[\d/m) : -1;
  return released < 0 ? text : text.slice(0, released);
}

function main(paths) {
  const places = [];
  for (const { path, text } of textFiles(paths)) {
    if (SKIPPED.some((skipped) => skipped.test(path))) continue;
    for (const { word, use } of oldWordsIn(path)) places.push(`${path}: file name "${word}": ${use}`);
    const numberOf = lineNumbers(text);
    for (const { index, word, use } of oldWordsIn(withoutHistory(path, text), path)) {
      places.push(`${path}:${numberOf(index)}: "${word.replace(/\s+/g, ' ')}": ${use}`);
    }
  }
  if (places.length === 0) return;
  for (const place of places) console.log(place);
  console.error(
    `${places.length} old words. Each place names the word to use (scripts/checks/old-words.mjs).`,
  );
  process.exitCode = 1;
}

main(process.argv.slice(2));
