// Counts words and phrases that make comments and pages hard to read, and names each place. Fails if there are too
// many. `npm run lint:prose` reads the repository, and `npm run lint:prose -- docs` some files or folders. With
// `--long`, it also names long sentences.
import { BREAK, proseOf } from './checks/prose-text.mjs';
import { lineNumbers, textFiles } from './checks/tracked-files.mjs';

/** Each hard word or phrase, with the words to use instead. */
const HARD = [
  [/\b(?:who|whom|whose|whoever)\b/gi, 'repeat the noun ("a caller that …")'],
  [/\bcannot be meant\b/gi, 'say that it is invalid'],
  [/\bto be had\b/gi, 'say that it is available, or can be acquired'],
  [/\bfor want of\b/gi, '"because there is no …"'],
  [/\bas good as\b/gi, '"almost", or the exact amount'],
  [/\bnone that\b/gi, '"no … that"'],
  [/\bbut for\b/gi, '"except"'],
  [/\b(?:is|are) heeded\b/gi, '"is followed", "is read"'],
  [/\bbe it\b/gi, '"whether … or …"'],
];

/** In all files together, there must be fewer than one in this many words. */
const WORDS_OVER_ALL = 1_000;
/** A file of more than LONG_FILE words may have one in this many words. */
const WORDS_IN_FILE = 500;
const LONG_FILE = 500;
const LONG_SENTENCE = 25;

const countWords = (text) => text.match(/[\p{L}\p{N}_][\p{L}\p{N}_'’-]*/gu)?.length ?? 0;

function hardPlaces(prose) {
  return HARD.flatMap(([pattern, use]) =>
    [...prose.matchAll(new RegExp(pattern.source.replaceAll(' ', '\\s+'), pattern.flags))].map(
      ({ 0: words, index }) => ({ index, words: words.replace(/\s+/g, ' '), use }),
    ),
  ).sort((a, b) => a.index - b.index);
}

/** Finds long sentences. A sentence ends at a full stop, at a blank text line, and at the start of code. */
function longSentences(prose) {
  const end = new RegExp(`[.!?]["')]?(?=\\s)|\\n\\s*\\n|${BREAK}`, 'gu');
  const found = [];
  let from = 0;
  for (const { 0: mark, index } of [...prose.matchAll(end), { 0: '', index: prose.length }]) {
    const sentence = prose.slice(from, index);
    const words = countWords(sentence);
    if (words > LONG_SENTENCE) found.push({ index: from + sentence.search(/\S/), words });
    from = index + mark.length;
  }
  return found;
}

function main(args) {
  const long = args.includes('--long');
  const files = textFiles(args.filter((arg) => arg !== '--long'));
  const [places, failures] = [[], []];
  let words = 0;
  for (const { path, text } of files) {
    const prose = proseOf(path, text);
    if (prose === undefined) continue;
    const numberOf = lineNumbers(text);
    const hard = hardPlaces(prose);
    const count = countWords(prose);
    words += count;
    for (const { index, words: found, use } of hard) {
      places.push(`${path}:${numberOf(index)}: "${found}": ${use}`);
    }
    if (count > LONG_FILE && hard.length * WORDS_IN_FILE > count) {
      failures.push(`${path}: ${hard.length} in ${count} words; at most 1 in ${WORDS_IN_FILE}.`);
    }
    if (!long) continue;
    for (const { index, words: length } of longSentences(prose)) {
      console.warn(
        `${path}:${numberOf(index)}: warning: a sentence of ${length} words; at most ${LONG_SENTENCE}`,
      );
    }
  }
  const share = words === 0 ? 0 : (places.length / words) * WORDS_OVER_ALL;
  if (share >= 1) {
    failures.unshift(
      `${places.length} in ${words} words over all; there must be fewer than 1 in ${WORDS_OVER_ALL}.`,
    );
  }
  for (const place of places) console.log(place);
  for (const failure of failures) console.error(failure);
  if (failures.length > 0) process.exitCode = 1;
  else console.log(`${places.length} hard words in ${words} words of prose.`);
}

main(process.argv.slice(2));
