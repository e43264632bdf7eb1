/** The text of commands that run a script, as the protocol of Redis has it. */

/** A key or an argument of a script. */
export type Parameter = string | Buffer;

export class CommandTexts {
  readonly #keyPrefix: string;
  /** The beginnings of commands, by the script's digest and the number of parameters. */
  readonly #heads = new Map<string, string[]>();

  constructor(keyPrefix: string) {
    this.#keyPrefix = keyPrefix;
  }

  /**
   * The text of EVALSHA.
   * @param parameters the number of keys, the keys and the arguments.
   * @returns undefined if a parameter is no text.
   */
  of(sha: string, parameters: readonly Parameter[]): string | undefined {
    let heads = this.#heads.get(sha);
    if (heads === undefined) this.#heads.set(sha, (heads = []));
    const head = (heads[parameters.length] ??= headOf(sha, parameters.length));
    const text = this.#written(head, parameters, lengthInAscii);
    // Nearly all commands are ASCII. One count of the whole takes less time than one for each part.
    if (text === undefined || Buffer.byteLength(text) === text.length) return text;
    return this.#written(head, parameters, lengthInBytes);
  }

  #written(
    head: string,
    parameters: readonly Parameter[],
    bytesOf: (part: string) => number,
  ): string | undefined {
    let text = head;
    const prefixed = this.#keyPrefix === '' ? 0 : Number(parameters[0]);
    for (let i = 0; i < parameters.length; i += 1) {
      let part = parameters[i];
      if (typeof part !== 'string') return undefined;
      if (i > 0 && i <= prefixed) part = this.#keyPrefix + part;
      const bytes = bytesOf(part);
      text += (LENGTHS[bytes] ?? lengthText(bytes)) + part;
    }
    return `${text}\r\n`;
  }
}

function headOf(sha: string, parameters: number): string {
  return `*${parameters + 2}\r\n$7\r\nEVALSHA\r\n$${sha.length}\r\n${sha}`;
}

/** The text before a part of so many bytes. Each concatenation costs memory, and a command has many parts. */
const LENGTHS = Array.from({ length: 256 }, (_, bytes) => lengthText(bytes));

function lengthText(bytes: number): string {
  return `\r\n$${bytes}\r\n`;
}

function lengthInAscii(part: string): number {
  return part.length;
}

function lengthInBytes(part: string): number {
  return Buffer.byteLength(part);
}
