// The words that this repository no longer uses, each with the word to use, and the few places in which such a word is
// right.

/** Each entry has the word to use, and then the forms of the old word. `…` stands for up to two other words. */
export const OLD_WORDS = [
  ['session (`EngineContext`, `sessionId`)', 'party', 'parties', 'partys'],
  ['request', 'ask', 'asks', 'asked', 'asking', 'asker', 'askers'],
  ['coordinator', 'gate', 'gates', 'gated'],
  ['queue (or name the kind of text: log line, text line)', 'line', 'lines', 'lined', 'lining'],
  ['batch', 'tenure', 'tenures'],
  ['batch owner', 'landlord', 'landlords'],
  ['renewal timer', 'keeper', 'keepers'],
  ['try-acquire', 'solo', 'solos'],
  ['backoff', 'pace', 'paces', 'paced', 'pacing'],
  ['exchange', 'turn', 'turns', 'turned', 'turning'],
  ['background task', 'errand', 'errands'],
  ['kindChanged', 'suit', 'suits', 'suited'],
  ['onReconnected', 'nudge', 'nudges', 'nudged', 'nudging'],
  ['check', 'look', 'looks', 'looked', 'looking'],
  ['release', 'give … up', 'gives … up', 'given … up', 'giving … up', 'gave … up', 'giveup', 'giveups'],
  ['hold', 'section', 'sections'],
  ['kind conflict', 'mixed'],
  ['access', 'sharing'],
  ['hand-off', 'hand … over', 'hands … over', 'handed … over', 'handing … over'],
  ['hand-off', 'hand overs', 'handover', 'handovers'],
  ['external', 'third party', 'third parties'],
  ['one after the other', 'in turn', 'in turns'],
];

/**
 * Right uses. A match is removed from the text before the words are read, so an old word beside a match still counts.
 */
export const ALLOWED = [
  // Text is made of lines. The kind of text is named, so that no queue of callers passes.
  /\b(?:command|log|text|source|output|new|blank|byte)[ -]lines?\b/gi,
  // The same words in identifiers: `logLines`, `LOG_LINE`, `getNewLine`.
  /(?:(?<![a-zA-Z])(?:command|log|text|source|output|new)|(?:Command|Log|Text|Source|Output|New))Lines?(?![a-z])/g,
  /(?<![A-Z])(?:COMMAND|LOG|TEXT|SOURCE|OUTPUT|NEW)_LINES?(?![A-Z])/g,
  /\blines? of (?:code|text|output)\b/gi,
  // The shape of a printed message.
  /\bo[nf] one line\b/gi,
  /\bline[ -](?:numbers?|endings?|breaks?|separators?)\b|(?<![a-zA-Z])lineNumbers?\b/gi,
  // ESLint's and esbuild's own names.
  /\beslint-disable-next-line\b|\blineLimit\b/g,
  // TypeScript's own names.
  /\bgetLineAndCharacterOfPosition\b|\bgetLineStarts\b|\.getLineOfLocalPosition\b/g,
  /\bfixMixedExportsWithInlineTypeSpecifier\b/g,
  // The elements and properties of SVG and CSS.
  /<\/?(?:line|polyline)\b|\bline-height\b/g,
  // A part of a document.
  /\bsections? \d+(?:\.\d+)*\b/gi,
  /\b(?:this|next|previous) section\b/gi,
  /\bsections? of (?:(?:this|the|a|its) )?(?:page|document|README|RFC|standard)\b/gi,
  // A part of the reply of Redis to INFO.
  /\bINFO sections?\b|\bsections? of `?INFO\b/g,
  // The errors by which a node of a Cluster names another node.
  /\bMOVED\|ASK\b/g,
  // The term of the literature for code that one process at a time may run.
  /\bcritical sections?\b/gi,
];

/**
 * Outside of lib/, programs read text, so `line` and `lines` may be variables there. A variable stands after a keyword
 * or a mark of code. In prose another word stands before ("in line", "a line of callers"), so prose is still checked.
 */
export const TEXT_VARIABLES = {
  files: /(?:^|\/)(?:bench|sample-app|scripts|test|verification)\/.*\.(?:ts|mjs)$/,
  names:
    /(?<=(?:\b(?:const|let|readonly|return|of|typeof|void|function)|[([{.,?:=!+<>&|;]|\$\{) ?(?:\.\.\.)?|^[ \t]*)lines?(?:Of)?\b(?=[^a-z]*$|\S| [=<>?:&|}]| (?:of lines|instanceof)\b)/gm,
};

/** Files that are not read. */
export const SKIPPED = [
  // Written by npm.
  /(?:^|\/)package-lock\.json$/,
  // These two files must contain the old words.
  /^scripts\/checks\/old-words\.mjs$/,
  /^test\/unit\/check-words\.spec\.ts$/,
];
