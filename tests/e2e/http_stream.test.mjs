// Replies that are sent piece by piece: framing, slow readers, readers that stop or leave, the connection afterwards.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { Client, binary, counts, cpuSeconds, get, sleep, startServer, untilCounts } from './http_raw.mjs';

const letters = (piece, bytes) => {
  const one = Array.from({ length: piece }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  return one.repeat(Math.ceil(bytes / piece)).slice(0, bytes);
};
const numbers = (count) => Array.from({ length: count }, (_, i) => `${i}\n`).join('');

test('each flush is one chunk, at once, and the connection goes on', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  for (let round = 0; round < 2; round++) {
    const { status, headers, body, sizes } = await client.send(get('/drip?count=5&ms=20')).reply();
    assert.equal(status, 200);
    assert.equal(headers['content-length'], undefined);
    assert.equal(body, numbers(5));
    assert.deepEqual(sizes, [2, 2, 2, 2, 2]);
  }
  // All from inside on_request: what was gathered, as one; requests sent ahead come next.
  client.send(get('/drip?count=12') + get('/drip?count=0') + get('/drip?count=2&ms=5') + get('/constant'));
  const gathered = await client.reply();
  assert.deepEqual([gathered.body, gathered.sizes], [numbers(12), [numbers(12).length]]);
  assert.deepEqual((await client.reply()).sizes, []);
  assert.equal((await client.reply()).body, numbers(2));
  assert.equal((await client.reply()).body, 'ok');
  assert.ok(client.isOpen);
  client.close();
});

test('a piece is with the client before the next is written', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  client.send(get('/drip?count=2&ms=1500'));
  await client.until(() => client.bytes.toString('latin1').endsWith('\r\n\r\n2\r\n0\n\r\n'), 'the first line alone');
  await client.until(() => client.bytes.toString('latin1').endsWith('2\r\n1\n\r\n0\r\n\r\n'), 'the second');
  client.close();
});

test('HTTP/1.0 gets a stream that ends with the connection, HEAD none', async (t) => {
  const { port } = await startServer(t);
  const old = await Client.connect(port);
  old.send('GET /drip?count=3&ms=5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  await old.end();
  const [head, body] = old.bytes.toString('latin1').split('\r\n\r\n');
  assert.match(head, /\r\nConnection: close/);
  assert.doesNotMatch(head, /chunked|Content-Length/i);
  assert.equal(body, numbers(3));
  old.close();
  const client = await Client.connect(port);
  client.send('HEAD /drip?count=3&ms=5 HTTP/1.1\r\nHost: a\r\n\r\n' + get('/constant'));
  assert.equal((await client.reply({ bodiless: true })).headers['transfer-encoding'], 'chunked');
  assert.equal((await client.reply()).body, 'ok');
  client.close();
});

test('a reply that is given up is seen to be incomplete', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  await assert.rejects(client.send(get('/cut')).reply(), /ended after 1 chunks/);
  await client.end();
  client.close();
  // HTTP/1.0's is reset, which Node shows as an end where the last bytes come in the same turn.
  const old = await Client.connect(port);
  old.send('GET /cut HTTP/1.0\r\n\r\n');
  await old.until(() => old.closed || old.ended, 'end');
  old.close();
  await untilCounts(port, (c) => c.connections_open === 1 && c.gone_total === 0);
});

test('large streams arrive whole, whatever their pieces, for slow readers too', async (t) => {
  const { port } = await startServer(t);
  for (const [piece, bytes, slow] of [[1, 3000, false], [1000, 300_000, true], [100_000, 20_000_000, true], [3_000_000, 9_000_000, false]]) {
    const client = await Client.connect(port);
    client.send(get(`/stream?bytes=${bytes}&piece=${piece}`) + get('/constant'));
    for (let i = 0; slow && i < 20; i++) {
      client.socket.pause();
      await sleep(10);
      client.socket.resume();
      await sleep(5);
    }
    const { body, sizes } = await client.reply();
    assert.ok(body === letters(piece, bytes), `${bytes} bytes in pieces of ${piece}`);
    assert.ok(Math.max(...sizes) <= 65536);
    assert.equal((await client.reply()).body, 'ok');
    client.close();
  }
});

test('over TLS', async (t) => {
  const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'penstock-stream-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const [key, certificate] = ['key', 'cert'].map((name) => path.join(folder, `${name}.pem`));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const { port } = await startServer(t, { certificate, key });
  const tls = await import('node:tls');
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const client = new Client(socket);
  assert.equal((await client.send(get('/drip?count=4&ms=10')).reply()).body, numbers(4));
  client.send(get('/stream?bytes=8000000&piece=50000') + get('/constant'));
  socket.pause();
  await sleep(100);
  socket.resume();
  assert.ok((await client.reply()).body === letters(50000, 8_000_000));
  assert.equal((await client.reply()).body, 'ok');
  client.close();
});

test('a reader that stops holds the producer, little memory, and no CPU; it goes on where it stopped', async (t) => {
  const { child, port } = await startServer(t, { loops: 1 });
  const bytes = 60_000_000;
  const client = await Client.connect(port);
  client.socket.pause();
  client.send(get(`/stream?bytes=${bytes}&piece=10000`));
  let before;
  for (let now = 0; now !== before || now === 0; now = (await counts(port)).streamed) {
    before = now;
    await sleep(300);
  }
  assert.ok(before < bytes, `all ${bytes} bytes were written for a reader that does not read`);
  const cpu = cpuSeconds(child.pid);
  await sleep(500);
  assert.ok(cpuSeconds(child.pid) - cpu < 0.3, 'the server spins');
  assert.equal((await counts(port)).waiting, 1);
  client.socket.resume();
  assert.ok((await client.reply()).body === letters(10000, bytes));
  assert.equal((await counts(port)).waiting, 0);
  client.close();
});

test('a reader that takes nothing for the write deadline is cut, one to whom nothing is written is not', async (t) => {
  const { port } = await startServer(t, { 'write-ms': 600, loops: 1 });
  const stopped = await Client.connect(port);
  stopped.socket.pause();
  stopped.send(get('/stream?bytes=60000000&piece=10000'));
  const after = await untilCounts(port, (c) => c.gone_total === 1);
  assert.equal(after.waiting, 0);
  stopped.close();
  const quiet = await Client.connect(port);
  assert.equal((await quiet.send(get('/drip?count=2&ms=1500')).reply()).body, numbers(2));
  quiet.close();
  assert.equal((await counts(port)).gone_total, 1);
});

test('a client that leaves within the stream is noticed at once', async (t) => {
  const { port } = await startServer(t, { loops: 1 });
  for (const leave of [(c) => c.socket.resetAndDestroy(), (c) => c.close()]) {
    const before = (await counts(port)).gone_total;
    const client = await Client.connect(port);
    client.send(get('/drip?count=3&ms=100000'));
    await client.until(() => client.bytes.includes('0\n'), 'first line');
    leave(client);
    // the next line would come in 100 s
    assert.equal((await untilCounts(port, (c) => c.gone_total === before + 1)).waiting, 0);
  }
});

test('streams end before the server does', async (t) => {
  const { child, port, nextLine } = await startServer(t, { loops: 1 });
  const client = await Client.connect(port);
  client.send(get('/drip?count=10&ms=100'));
  await client.until(() => client.bytes.includes('0\n'), 'first line');
  child.kill('SIGTERM');
  assert.equal((await client.reply()).body, numbers(10));
  client.close();
  assert.deepEqual(await nextLine(), { drained: true });
});
