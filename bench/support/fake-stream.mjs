// A connection of ioredis that replies from memory. It shows what the JavaScript of a lock costs without the kernel.
// The kernel's share is the larger one, and it differs most from process to process.
//
// The replies are learnt from a real server, so no build of the library needs an imitation of its scripts. A command
// of a new shape goes to the server. A shape that was answered alike twice is answered from memory from then on.
import { createConnection } from 'node:net';
import { Duplex } from 'node:stream';
import { endOfReply, hasError, likenessOf, nameOf, scanCommand, scanned } from './resp.mjs';

/** Commands that the server is told again before it answers a new shape: it has missed those that memory answered. */
const REMEMBERED = 192;
/** Commands about keys. The others, such as PING and TIME, are always the server's. */
const ABOUT_KEYS = new Set(['evalsha', 'eval', 'fcall', 'set', 'del']);
/** Before a new shape is told, in ms. */
const PAUSE = 2;
const FLUSH = '*1\r\n$8\r\nFLUSHALL\r\n';

/** How many commands about keys went to the server. */
export const learnt = { commands: 0 };

/** The class that ioredis takes as `Connector`. */
export class FakeConnector {
  #options;
  #stream;

  constructor(options) {
    this.#options = options;
  }

  connect() {
    this.#stream = new FakeStream(this.#options.port);
    return Promise.resolve(this.#stream);
  }

  check() {
    return true;
  }

  disconnect() {
    this.#stream?.end();
  }
}

class FakeStream extends Duplex {
  connecting = true;
  bytesRead = 0;
  #server;
  #received = Buffer.alloc(0);
  /** The replies that the server still owes: how many, and what the last one is for. */
  #owed = 0;
  #onReply;
  #unread = '';
  #waiting = [];
  #replies = [];
  #memory = new Map();
  #latest = new Array(REMEMBERED).fill('');
  #count = 0;
  /** A subscribed connection gets messages without a command for each: it is a plain pipe. */
  #piped = false;

  constructor(port) {
    super({ decodeStrings: false });
    this.#server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    this.#server.once('connect', () => {
      this.connecting = false;
      this.emit('connect');
    });
    this.#server.on('data', (data) => this.#onServer(data));
    this.#server.on('error', (error) => this.destroy(error));
    this.#server.on('close', () => this.destroy());
  }

  setNoDelay() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  setTimeout() {
    return this;
  }

  _read() {}

  _write(chunk, _encoding, done) {
    this.#take(typeof chunk === 'string' ? chunk : chunk.toString('latin1'));
    done();
  }

  _final(done) {
    this.#server.end();
    done();
  }

  _destroy(error, done) {
    this.#server.destroy();
    done(error);
  }

  #take(text) {
    if (this.#piped) return void this.#server.write(text);
    const all = this.#unread === '' ? text : this.#unread + text;
    let at = 0;
    while (at < all.length) {
      const end = scanCommand(all, at);
      if (end < 0) break;
      const command = at === 0 && end === all.length ? all : all.slice(at, end);
      if (this.#onReply !== undefined || !this.#answer(command, scanned.shape)) {
        this.#waiting.push({ command, shape: scanned.shape });
        if (this.#onReply === undefined) this.#next();
      }
      at = end;
    }
    this.#unread = at === all.length ? '' : all.slice(at);
  }

  /** From memory, if that knows the shape. */
  #answer(command, shape) {
    const known = this.#memory.get(shape);
    if (known === undefined || !known.sure) return false;
    this.#latest[this.#count++ % REMEMBERED] = command;
    this.#reply(known.reply);
    return true;
  }

  /** The first of those that wait goes to the server; those behind it keep their order. */
  #next() {
    while (this.#waiting.length > 0) {
      const { command, shape } = this.#waiting[0];
      if (this.#answer(command, shape)) {
        this.#waiting.shift();
        continue;
      }
      const name = nameOf(command, 0);
      if (name.endsWith('subscribe')) {
        this.#piped = true;
        for (const each of this.#waiting.splice(0)) this.#server.write(each.command);
        return;
      }
      if (ABOUT_KEYS.has(name)) this.#learnFrom(command, shape);
      else this.#tell(command, 1, (reply) => this.#arrived(reply));
      return;
    }
  }

  #learnFrom(command, shape) {
    learnt.commands += 1;
    const missed = [FLUSH, ...this.#inOrder()];
    this.#tell(missed.join(''), missed.length, () => {
      // A fence is at most the server's time in µs: right after the others, fewer fences than usual could be drawn.
      setTimeout(() => {
        this.#tell(command, 1, (reply) => {
          this.#latest[this.#count++ % REMEMBERED] = command;
          this.#learn(shape, reply);
          this.#arrived(reply);
        });
      }, PAUSE);
    });
  }

  /** @param onReply gets the last of so many replies */
  #tell(commands, replies, onReply) {
    this.#owed = replies;
    this.#onReply = onReply;
    this.#server.write(commands);
  }

  #arrived(reply) {
    this.#onReply = undefined;
    this.#waiting.shift();
    this.#reply(reply);
    this.#next();
  }

  #inOrder() {
    const from = this.#count % REMEMBERED;
    return [...this.#latest.slice(from), ...this.#latest.slice(0, from)].filter((command) => command !== '');
  }

  #learn(shape, reply) {
    if (hasError(reply)) return;
    const likeness = likenessOf(reply);
    this.#memory.set(shape, { reply, likeness, sure: this.#memory.get(shape)?.likeness === likeness });
  }

  #onServer(data) {
    if (this.#piped) return void this.push(data);
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    let at = 0;
    while (at < this.#received.length && this.#owed > 0) {
      const end = endOfReply(this.#received, at);
      if (end < 0) break;
      this.#owed -= 1;
      // A copy: the bytes of the others need not be kept with it.
      if (this.#owed === 0) this.#onReply(Buffer.from(this.#received.subarray(at, end)));
      at = end;
    }
    this.#received = this.#received.subarray(at);
  }

  /** All replies of one cycle of the event loop arrive together, as from a socket. */
  #reply(reply) {
    if (this.#replies.push(reply) === 1) setImmediate(() => this.#deliver());
  }

  #deliver() {
    const replies = this.#replies;
    this.#replies = [];
    const data = replies.length === 1 ? replies[0] : Buffer.concat(replies);
    this.bytesRead += data.length;
    if (!this.destroyed) this.push(data);
  }
}
