// The protocol as its users and its attackers speak it, over raw sockets: framing, bodies, keep-alive, pipelining.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, ask, counts, get, sleep, startServer, untilCounts } from './http_raw.mjs';

test('a reply has a date, a length and only what was asked for', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  const reply = await client.send(get('/constant')).reply();
  assert.equal(reply.statusLine, 'HTTP/1.1 200 OK');
  assert.equal(reply.body, 'ok');
  assert.equal(reply.headers['content-length'], '2');
  assert.equal(reply.headers.connection, undefined);
  assert.match(reply.headers.date, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  assert.ok(Math.abs(Date.parse(reply.headers.date) - Date.now()) < 60_000);
  const head = await client.send('HEAD /constant HTTP/1.1\r\nHost: a\r\n\r\n').reply({ bodiless: true });
  assert.equal(head.headers['content-length'], '2');
  const after = await client.send(get('/nowhere')).reply();
  assert.equal(after.status, 404);
  client.close();
});

test('the service sees the request as it was sent', async (t) => {
  const { port } = await startServer(t);
  const reply = await ask(port, 'PUT /echo?a=%20&b HTTP/1.1\r\nHost: example.org\r\nX-Mixed-Case: \t Value \t\r\nEmpty:\r\n' +
    'Latin: \xe9\r\nContent-Length: 3\r\n\r\nabc');
  const seen = reply.json();
  assert.equal(seen.method, 'PUT');
  assert.equal(seen.path, '/echo');
  assert.equal(seen.query, 'a=%20&b');
  assert.equal(seen.peer, '127.0.0.1');
  assert.equal(seen.loopback, true);
  assert.equal(seen.body_bytes, 3);
  assert.deepEqual(seen.headers.slice(0, 6), ['host', 'example.org', 'x-mixed-case', 'Value', 'empty', '']);
});

test('HTTP/1.0 closes unless asked not to', async (t) => {
  const { port } = await startServer(t);
  const once = await Client.connect(port);
  const reply = await once.send('GET /constant HTTP/1.0\r\n\r\n').reply();
  assert.equal(reply.headers.connection, 'close');
  await once.end();
  const kept = await Client.connect(port);
  for (let i = 0; i < 2; i++) {
    const again = await kept.send('GET /constant HTTP/1.0\r\nConnection: keep-alive\r\n\r\n').reply();
    assert.equal(again.headers.connection, 'keep-alive');
  }
  kept.close();
});

test('"Connection: close" is honoured', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  const reply = await client.send(get('/constant', 'Connection: close')).reply();
  assert.equal(reply.headers.connection, 'close');
  await client.end();
  client.close();
});

test('requests sent ahead are answered one by one, in order', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  let text = '';
  for (let i = 0; i < 300; i++) {
    if (i % 50 === 7) text += get(`/slow?ms=5&n=${i}`);
    else if (i % 3 === 0) text += `POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: ${String(i).length}\r\n\r\n${i}`;
    else if (i % 3 === 1) text += `POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${String(i).length}\r\n${i}\r\n0\r\n\r\n`;
    else text += get(`/echo?${i}`);
  }
  client.send(text);
  for (let i = 0; i < 300; i++) {
    const reply = await client.reply();
    assert.equal(reply.status, 200);
    if (i % 50 === 7) assert.equal(reply.body, 'slow');
    else if (i % 3 === 2) assert.equal(reply.json().query, String(i));
    else assert.equal(reply.body, String(i));
  }
  client.close();
});

test('a request sent ahead waits for the reply before it', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  const start = performance.now();
  client.send(get('/slow?ms=300') + get('/constant'));
  assert.equal((await client.reply()).body, 'slow');
  assert.equal((await client.reply()).body, 'ok');
  assert.ok(performance.now() - start >= 295);
  client.close();
});

test('what is sent ahead without end stays in the socket', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  client.send(get('/never'));
  const chunk = Buffer.from(get('/constant').repeat(2000));
  for (let i = 0; i < 400; i++) client.socket.write(chunk); // some 30 MB
  let before; // until the server takes no more
  do {
    before = client.socket.writableLength;
    await sleep(300);
  } while (client.socket.writableLength < before);
  assert.ok(client.socket.writableLength > 15e6, `the server took all but ${client.socket.writableLength} bytes`);
  client.socket.resetAndDestroy();
  await untilCounts(port, (c) => c.gone_total === 1);
});

test('a request is taken one byte at a time', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  const text = 'POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n';
  for (const c of text) {
    client.send(c);
    await sleep(1);
  }
  assert.equal((await client.reply()).body, 'abcde');
  assert.equal((await client.send(get('/constant')).reply()).body, 'ok');
  client.close();
});

test('large bodies go both ways', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  const body = Buffer.alloc(5_000_000, 'abcdefghijklmnopqrstuvwxyz');
  client.send(`POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`).send(body);
  assert.ok(Buffer.from((await client.reply()).body, 'latin1').equals(body));
  client.send('POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let at = 0; at < body.length; at += 33333) {
    const piece = body.subarray(at, at + 33333);
    client.send(piece.length.toString(16) + '\r\n').send(piece).send('\r\n');
  }
  client.send('0\r\n\r\n');
  assert.ok(Buffer.from((await client.reply()).body, 'latin1').equals(body));
  client.close();
});

test('100 Continue is sent when the head was accepted, and only then', async (t) => {
  const { port } = await startServer(t, { 'body-max': 1000 });
  const put = (target, length) => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;
  const client = await Client.connect(port);
  assert.equal((await client.send(put('/body', 3)).reply()).status, 100);
  assert.equal((await client.send('abc').reply()).body, 'abc');
  // the body is there already: no need to ask for it
  assert.equal((await client.send(put('/body', 3) + 'abc').reply()).status, 200);
  client.close();

  for (const [target, length, status] of [['/refused', 3, 401], ['/body', 1001, 413], ['/small', 11, 413]]) {
    const refused = await Client.connect(port);
    const reply = await refused.send(put(target, length)).reply();
    assert.equal(reply.status, status);
    assert.equal(reply.headers.connection, 'close');
    await refused.end();
    refused.close();
  }
  const other = await ask(port, 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 200-maybe\r\n\r\n');
  assert.equal(other.status, 417);
});

test('bodies over the limit get 413, however they are framed', async (t) => {
  const { port } = await startServer(t, { 'body-max': 100000 });
  const fits = await ask(port, `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100000)}`);
  assert.equal(fits.json().body_bytes, 100000);
  const announced = await Client.connect(port);
  const reply = await announced.send('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n').reply();
  assert.equal(reply.status, 413);
  assert.match(reply.json().error.message, /larger than 100000 bytes/);
  await announced.end();
  announced.close();
  const grown = await Client.connect(port);
  grown.send('POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let i = 0; i < 100; i++) grown.send('2710\r\n' + 'x'.repeat(10000) + '\r\n'); // ten times too much
  assert.equal((await grown.reply()).status, 413);
  await grown.end();
  grown.close();
  // the service's own limit for a path
  const own = await ask(port, 'POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n');
  assert.equal(own.status, 413);
  const last = await untilCounts(port, (c) => c.body_bytes_held === 0);
  assert.equal(last.gone_total, 3);
});

test('a reply given on the head leaves the connection usable, or closes it', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  client.send('POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n');
  const reply = await client.reply();
  assert.equal(reply.status, 401);
  assert.equal(reply.headers.connection, undefined);
  client.send('G'.repeat(20000) + get('/constant'));
  assert.equal((await client.reply()).body, 'ok');
  client.send('POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ' + get('/constant'));
  assert.equal((await client.reply()).status, 401);
  assert.equal((await client.reply()).body, 'ok');
  // too much to skip: the reply still arrives, though the client goes on sending for a while
  client.send('POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n');
  for (let i = 0; i < 30; i++) client.send('x'.repeat(100000));
  const last = await client.reply();
  assert.equal(last.status, 401);
  assert.equal(last.headers.connection, 'close');
  await client.end();
  client.close();
});

// What two parsers could read differently, or nobody should send. [name, request, status]
const request = (...lines) => lines.join('\r\n') + '\r\n\r\n';
const post = (...headers) => request('POST /echo HTTP/1.1', 'Host: a', ...headers);
const refused = [
  ['two equal Content-Length', post('Content-Length: 3', 'Content-Length: 3') + 'abc', 400],
  ['two different Content-Length', post('Content-Length: 3', 'Content-Length: 4') + 'abc', 400],
  ['a list of lengths', post('Content-Length: 3, 3') + 'abc', 400],
  ['a signed length', post('Content-Length: +3') + 'abc', 400],
  ['an endless length', post('Content-Length: 99999999999999999999999'), 400],
  ['length and chunked', post('Content-Length: 3', 'Transfer-Encoding: chunked') + '0\r\n\r\n', 400],
  ['chunked and length', post('Transfer-Encoding: chunked', 'Content-Length: 3') + '0\r\n\r\n', 400],
  ['an unknown coding', post('Transfer-Encoding: gzip') + 'abc', 400],
  ['a coding before chunked', post('Transfer-Encoding: gzip, chunked') + '0\r\n\r\n', 400],
  ['chunked twice', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + '0\r\n\r\n', 400],
  ['chunked in disguise', post('Transfer-Encoding: \x0bchunked') + '0\r\n\r\n', 400],
  ['chunked in HTTP/1.0', request('POST /echo HTTP/1.0', 'Transfer-Encoding: chunked') + '0\r\n\r\n', 400],
  ['a space before a colon', post('Content-Length : 3') + 'abc', 400],
  ['a tab before a colon', post('X\t: 3'), 400],
  ['a NUL in a value', post('X: a\0b'), 400],
  ['a NUL in a name', post('X\0: a'), 400],
  ['a NUL in the target', request('GET /\0 HTTP/1.1', 'Host: a'), 400],
  ['a bare LF behind the request line', 'GET /echo HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['a bare LF behind a header', 'GET /echo HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', 400],
  ['a bare LF at the end', 'GET /echo HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['a bare CR in a value', post('X: a\rb'), 400],
  ['a bare CR before the colon', post('X\r: b'), 400],
  ['a CR too many', 'GET /echo HTTP/1.1\r\r\nHost: a\r\n\r\n', 400],
  ['a folded header', post('X: a', ' b'), 400],
  ['a header that begins with a space', request('GET /echo HTTP/1.1', ' Host: a'), 400],
  ['a control character in a value', post('X: a\x1bb'), 400],
  ['a delete character in a value', post('X: a\x7fb'), 400],
  ['a header without a colon', post('X'), 400],
  ['a header without a name', post(': x'), 400],
  ['a header name with a comma', post('X,Y: x'), 400],
  ['a method with odd characters', request('G{T / HTTP/1.1', 'Host: a'), 400],
  ['a method nobody knows', request('BREW / HTTP/1.1', 'Host: a'), 405],
  ['a method in lower case', request('get / HTTP/1.1', 'Host: a'), 405],
  ['an absolute target', request('GET http://a/echo HTTP/1.1', 'Host: a'), 400],
  ['an authority as target', request('CONNECT a:80 HTTP/1.1', 'Host: a'), 400],
  ['a star as target', request('GET * HTTP/1.1', 'Host: a'), 400],
  ['a relative target', request('GET echo HTTP/1.1', 'Host: a'), 400],
  ['a target with a fragment', request('GET /echo#x HTTP/1.1', 'Host: a'), 400],
  ['a target with a raw byte', request('GET /\xe9 HTTP/1.1', 'Host: a'), 400],
  ['a target with a space', request('GET /a b HTTP/1.1', 'Host: a'), 400],
  ['no target', request('GET HTTP/1.1', 'Host: a'), 400],
  ['two spaces', request('GET  / HTTP/1.1', 'Host: a'), 400],
  ['no Host', request('GET /echo HTTP/1.1'), 400],
  ['two Hosts', request('GET /echo HTTP/1.1', 'Host: a', 'Host: a'), 400],
  ['an empty Host', request('GET /echo HTTP/1.1', 'Host:'), 400],
  ['a Host that is none', request('GET /echo HTTP/1.1', 'Host: a/b'), 400],
  ['HTTP/0.9', 'GET /echo\r\n\r\n', 400],
  ['HTTP/1.2', request('GET /echo HTTP/1.2', 'Host: a'), 505],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['RTSP', request('GET /echo RTSP/1.0', 'Host: a'), 400],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n', 400],
  ['a head of 16 KB', request('GET /echo HTTP/1.1', 'Host: a', 'X: ' + 'x'.repeat(16384)), 431],
  ['a target of 16 KB', request('GET /' + 'x'.repeat(16384) + ' HTTP/1.1', 'Host: a'), 431],
  ['a head that does not end', 'GET /echo HTTP/1.1\r\nHost: a\r\nX: ' + 'x'.repeat(40000), 431],
  ['101 headers', request('GET /echo HTTP/1.1', 'Host: a', ...Array(100).fill('a: b')), 431],
  ['a chunk size with a sign', post('Transfer-Encoding: chunked') + '+3\r\nabc\r\n0\r\n\r\n', 400],
  ['a chunk size in C', post('Transfer-Encoding: chunked') + '0x3\r\nabc\r\n0\r\n\r\n', 400],
  ['a chunk without end', post('Transfer-Encoding: chunked') + '3\r\nabcd\r\n0\r\n\r\n', 400],
  ['a chunk ended by LF', post('Transfer-Encoding: chunked') + '3\r\nabc\n0\r\n\r\n', 400],
  ['a chunk size ended by LF', post('Transfer-Encoding: chunked') + '3\nabc\r\n0\r\n\r\n', 400],
  ['a chunk size of 17 digits', post('Transfer-Encoding: chunked') + 'fffffffffffffffff\r\nabc', 400],
  ['a folded trailer', post('Transfer-Encoding: chunked') + '0\r\nA: b\r\n c\r\n\r\n', 400],
  ['a trailer ended by LF', post('Transfer-Encoding: chunked') + '0\r\nA: b\n\r\n', 400],
  ['endless chunk extensions', post('Transfer-Encoding: chunked') + '1;' + 'a'.repeat(40000), 400],
];

test('what could be read in two ways is refused, and the connection closed', async (t) => {
  const { port } = await startServer(t);
  for (const [i, [name, text, status]] of refused.entries())
    await t.test(`${name}: ${status}`, async () => {
      const client = await Client.connect(port);
      // what is behind it must not be taken for a request
      const reply = await client.send(text + get('/constant')).reply();
      assert.equal(reply.status, status);
      assert.equal(reply.headers.connection, 'close');
      const { error } = reply.json();
      assert.ok(error.message.length > 10);
      assert.match(error.request_id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
      assert.equal(reply.headers['x-request-id'], error.request_id);
      await client.end();
      assert.equal(client.bytes.length, 0);
      client.close();
      assert.equal((await counts(port)).refused_total, i + 1);
    });
});

test('an empty line before a request is forgiven', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  assert.equal((await client.send('\r\n' + get('/constant')).reply()).body, 'ok');
  assert.equal((await client.send('\r\n' + get('/constant')).reply()).body, 'ok');
  client.close();
});

test('several loops and addresses share the work', async (t) => {
  const server = await startServer(t, { loops: 4, listen: ['127.0.0.1:0', '[::1]:0', '*:0'] });
  const loops = new Set();
  const clients = [];
  for (let i = 0; i < 64; i++) {
    const client = await Client.connect(server.ports[0]);
    clients.push(client);
    loops.add((await client.send(get('/echo')).reply()).json().loop);
  }
  assert.equal(loops.size, 4);
  assert.equal((await counts(server.port)).connections_open, 65);
  for (const client of clients) client.close();
  for (const [port, host, peer] of [[server.ports[1], '::1', '::1'], [server.ports[2], '::1', '::1'], [server.ports[2], '127.0.0.1', '127.0.0.1']]) {
    const client = await Client.connect(port, { host });
    const seen = (await client.send(get('/echo')).reply()).json();
    assert.equal(seen.peer, peer);
    assert.equal(seen.loopback, true);
    client.close();
  }
  await untilCounts(server.port, (c) => c.connections_open === 1);
});
