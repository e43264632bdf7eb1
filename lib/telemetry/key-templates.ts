/** From keys to templates, so that the number of series and of span names has a bound. */
import { madeKeys } from '../core/keys/made-keys.js';
import { OTHER } from './telemetry.names.js';

/** How many templates that are not known from the code a process uses. */
const MOST_SHAPES = 100;
/** How many keys of `lockKey` are remembered, and how many shapes of keys. */
const MOST_KEYS = 5_000;
/** A longer part of a key is taken for a value. */
const LONGEST_WORD = 20;

/** The shape of a key: each part with a digit or of more than 20 characters becomes `*`. Parts end at `:` and `/`. */
export function shapeOf(key: string): string {
  return key.replace(/[^:/]+/g, (part) => (part.length > LONGEST_WORD || /\d/.test(part) ? '*' : part));
}

export class KeyTemplates {
  readonly #own: ((key: string) => string) | undefined;
  readonly #shapes = new Set<string>();
  /** The templates of keys, the oldest key first. `lockKey` has told some of them. */
  readonly #known = new Map<string, string>();
  #failed = false;

  /** @param own the option `keyTemplate`. */
  constructor(own: ((key: string) => string) | undefined) {
    this.#own = own;
  }

  start(): void {
    if (this.#own !== undefined) return;
    madeKeys.tell = (key, text) => {
      this.#remember(key, text.join('*'));
    };
  }

  stop(): void {
    madeKeys.tell = undefined;
  }

  /** @param declared the template of `@Locked`. Undefined if there is none. */
  of(keys: readonly string[], declared: string | undefined): string {
    if (this.#own === undefined && declared !== undefined) return declared;
    if (keys.length === 1) return this.#ofKey(keys[0]);
    const templates = [...new Set(keys.map((key) => this.#ofKey(key)))].sort();
    return templates.length === 1 ? templates[0] : this.#bounded(templates.join(', '));
  }

  #ofKey(key: string): string {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const template = this.#bounded(this.#own === undefined ? shapeOf(key) : this.#given(this.#own, key));
    this.#remember(key, template);
    return template;
  }

  #remember(key: string, template: string): void {
    if (this.#known.size >= MOST_KEYS && !this.#known.has(key)) {
      this.#known.delete(this.#known.keys().next().value as string);
    }
    this.#known.set(key, template);
  }

  /** A template by the application's function. The failure of that function must not fail a lock. */
  #given(own: (key: string) => string, key: string): string {
    try {
      const template: unknown = own(key);
      if (typeof template === 'string') return template;
      this.#warn(`has returned a value of the type ${typeof template}`);
      // An async function may reject. An unhandled rejection ends the process.
      void Promise.resolve(template).catch(() => undefined);
    } catch (error) {
      this.#warn(`has thrown: ${error instanceof Error ? error.message : String(error)}`);
    }
    return OTHER;
  }

  #warn(what: string): void {
    if (this.#failed) return;
    this.#failed = true;
    process.emitWarning(
      `The option "keyTemplate" of LockTelemetryModule ${what}. It must return a template for each key. Such keys are ` +
        `shown as ${OTHER}.`,
      'NestjsLockedWarning',
    );
  }

  #bounded(template: string): string {
    if (this.#shapes.has(template)) return template;
    if (this.#shapes.size >= MOST_SHAPES) return OTHER;
    this.#shapes.add(template);
    return template;
  }
}
