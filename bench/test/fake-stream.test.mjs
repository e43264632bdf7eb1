// The wire format, and a connection that learns its replies from a server and then answers without it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { FakeConnector, learnt } from '../support/fake-stream.mjs';
import { endOfReply, hasError, likenessOf, nameOf, scanCommand, scanned } from '../support/resp.mjs';

const command = (...args) =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
const SHA = 'a'.repeat(40);

describe('a command', () => {
  const shapeOf = (...args) => {
    scanCommand(command(...args), 0);
    return scanned.shape;
  };

  it('ends where it ends, and not before all of it came', () => {
    const text = command('GET', 'a');
    assert.equal(scanCommand(text + text, 0), text.length);
    assert.equal(scanCommand(text + text, text.length), text.length * 2);
    for (let length = 0; length < text.length; length += 1) {
      assert.equal(scanCommand(text.slice(0, length), 0), -1, text.slice(0, length));
    }
    assert.equal(nameOf(text, 0), 'get');
  });

  it('has a shape of its script and its options, not of keys, tokens and times', () => {
    const shape = shapeOf('EVALSHA', SHA, '1', 'lock:fresh:1', 'nl1:abc:1', '30000', 'queue');
    assert.equal(shapeOf('EVALSHA', SHA, '1', 'lock:fresh:999', 'nl1:xyz:22', '29999', 'queue'), shape);
    for (const other of [
      ['EVALSHA', 'b'.repeat(40), '1', 'lock:fresh:1', 'nl1:abc:1', '30000', 'queue'],
      ['EVALSHA', SHA, '2', 'lock:fresh:1', 'nl1:abc:1', '30000', 'queue'],
      ['EVALSHA', SHA, '1', 'lock:fresh:1', '', '30000', 'queue'],
      ['EVALSHA', SHA, '1', 'lock:fresh:1', 'nl1:abc:1', '30000', 'once'],
      ['EVALSHA', SHA, '1', 'lock:fresh:1', 'nl1:abc:1', '30000'],
    ]) {
      assert.notEqual(shapeOf(...other), shape, other.join(' '));
    }
    assert.equal(shapeOf('set', 'raw:1', 'x:1', 'NX'), shapeOf('set', 'raw:12', 'y:22', 'NX'));
  });
});

describe('a reply', () => {
  it('ends where it ends, nested or not', () => {
    for (const reply of [
      ':1\r\n',
      '+OK\r\n',
      '$3\r\na\r\n\r\n',
      '$-1\r\n',
      '*2\r\n:1\r\n*1\r\n$1\r\nx\r\n',
      '*0\r\n',
    ]) {
      const bytes = Buffer.from(reply);
      assert.equal(endOfReply(Buffer.concat([bytes, bytes]), 0), bytes.length, reply);
      assert.equal(endOfReply(bytes.subarray(0, -1), 0), -1, reply);
    }
  });

  it('is like another one but for fences and times, and may hold an error', () => {
    assert.equal(
      likenessOf(Buffer.from(':1700000000000000\r\n')),
      likenessOf(Buffer.from(':1800000000000001\r\n')),
    );
    assert.notEqual(likenessOf(Buffer.from(':1\r\n')), likenessOf(Buffer.from(':0\r\n')));
    assert.ok(hasError(Buffer.from('*2\r\n:1\r\n-ERR no\r\n')));
    assert.ok(!hasError(Buffer.from('$4\r\na-b!\r\n')));
  });
});

describe('a connection without a kernel', () => {
  const told = [];
  const server = createServer((socket) => {
    socket.on('data', (data) => {
      const text = data.toString();
      for (let at = 0, end; at < text.length; at = end) {
        end = scanCommand(text, at);
        told.push(nameOf(text, at));
        socket.write(`:${told.length + 10_000}\r\n`);
      }
    });
  });
  after(() => server.close());

  it('answers a shape from memory when the server has answered it alike twice', async () => {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const connector = new FakeConnector({ port: server.address().port });
    const stream = await connector.connect();
    await once(stream, 'connect');
    const tell = async (...args) => {
      stream.write(command(...args));
      const [data] = await once(stream, 'data');
      return data.toString();
    };
    for (let n = 0; n < 5; n += 1) assert.match(await tell('EVALSHA', SHA, '1', `key:${n}`), /^:\d{5}\r\n$/);
    assert.equal(learnt.commands, 2);
    const before = told.filter((name) => name === 'evalsha').length;
    await tell('EVALSHA', SHA, '1', 'key:9');
    assert.equal(told.filter((name) => name === 'evalsha').length, before, 'the server was not told');
    await tell('PING');
    await tell('PING');
    assert.equal(told.filter((name) => name === 'ping').length, 2, 'what is not about keys is always told');
    connector.disconnect();
    await once(stream, 'close');
  });

  it('tells the server what it missed before a new shape', async () => {
    told.length = 0;
    const connector = new FakeConnector({ port: server.address().port });
    const stream = await connector.connect();
    await once(stream, 'connect');
    const tell = async (...args) => {
      stream.write(command(...args));
      await once(stream, 'data');
    };
    for (let n = 0; n < 4; n += 1) await tell('EVALSHA', SHA, '1', `key:${n}`);
    told.length = 0;
    await tell('EVALSHA', SHA, '1', 'key:9', 'x');
    assert.deepEqual(told, ['flushall', 'evalsha', 'evalsha', 'evalsha', 'evalsha', 'evalsha']);
    connector.disconnect();
    await once(stream, 'close');
  });
});
