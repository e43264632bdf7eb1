/** What runs at the moment, by series: the callers that wait and the locks that are held, the oldest first. */
import type { Attributes } from '@opentelemetry/api';
import { ATTRIBUTES as A } from './telemetry.names.js';

/** When something began, on the monotonic clock, in ms. */
export interface Since {
  readonly at: number;
}

export class Series {
  readonly waits = new Set<Since>();
  readonly holds = new Set<Since>();
  /** Attributes are made once, because each lock needs several of these sets. */
  readonly attributes: Attributes;
  readonly contended: Attributes;
  readonly uncontended: Attributes;
  readonly #ofMethods = new Map<string, Attributes>();

  constructor(template: string, kind: string, module: string | undefined) {
    this.attributes = { [A.template]: template, [A.kind]: kind };
    if (module !== undefined) this.attributes[A.module] = module;
    this.contended = { ...this.attributes, [A.contended]: true };
    this.uncontended = { ...this.attributes, [A.contended]: false };
  }

  /** With the label of the decorated method, for spans. */
  ofMethod(label: string | undefined): Attributes {
    if (label === undefined) return this.attributes;
    let found = this.#ofMethods.get(label);
    if (found === undefined) {
      this.#ofMethods.set(label, (found = { ...this.attributes, [A.functionName]: label }));
    }
    return found;
  }
}

/** A series stays for the life of the process, so that its gauges go back to 0. Templates have a bound. */
export class SeriesTable {
  readonly #byTemplate = new Map<string, Series[]>();

  of(template: string, kind: string, module: string | undefined): Series {
    let all = this.#byTemplate.get(template);
    if (all === undefined) this.#byTemplate.set(template, (all = []));
    for (const series of all) {
      if (series.attributes[A.kind] === kind && series.attributes[A.module] === module) return series;
    }
    const series = new Series(template, kind, module);
    all.push(series);
    return series;
  }

  *[Symbol.iterator](): IterableIterator<Series> {
    for (const all of this.#byTemplate.values()) yield* all;
  }
}

/** The age of the oldest entry, in seconds. 0 if there is none. */
export function oldest(entries: ReadonlySet<Since>): number {
  for (const { at } of entries) return Math.max(0, performance.now() - at) / 1000;
  return 0;
}
