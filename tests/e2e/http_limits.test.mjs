// Deadlines, limits, clients that leave, and the end of the server: everything a raw client can do to wear it out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, ask, counts, cpuSeconds, get, sleep, startServer, untilCounts } from './http_raw.mjs';

/** Sends a byte every 20 ms until the server ends the connection; returns the reply and the time until then. */
async function drip(client, text) {
  const start = performance.now();
  for (const c of text) {
    if (!client.isOpen || client.bytes.length) break;
    client.send(c);
    await sleep(20);
  }
  const reply = await client.reply();
  const ms = performance.now() - start;
  await client.end();
  client.close();
  return { reply, ms };
}

test('a head that drips in is cut off at an absolute deadline', async (t) => {
  const { port } = await startServer(t, { 'head-ms': 400 });
  const { reply, ms } = await drip(await Client.connect(port), 'GET /echo HTTP/1.1\r\nHost: a\r\nX: ' + 'x'.repeat(1000));
  assert.equal(reply.status, 408);
  assert.equal(reply.headers.connection, 'close');
  assert.match(reply.json().error.message, /head/);
  assert.ok(ms >= 390 && ms < 15_000, `${ms} ms`); // all of it would take 20 s
});

test('a body that drips in is cut off at an absolute deadline', async (t) => {
  const { port } = await startServer(t, { 'body-ms': 400 });
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\n';
  for (const text of [head + 'Content-Length: 1000\r\n\r\n' + 'x'.repeat(10), head + 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n']) {
    const client = await Client.connect(port);
    const { reply, ms } = await drip(client.send(text), 'f;' + 'x'.repeat(1000));
    assert.equal(reply.status, 408);
    assert.match(reply.json().error.message, /body/);
    assert.ok(ms >= 390 && ms < 15_000, `${ms} ms`); // all of it would take 20 s
  }
  assert.equal((await untilCounts(port, (c) => c.body_bytes_held === 0)).gone_total, 2);
});

test('an idle connection is closed without a word', async (t) => {
  const { port } = await startServer(t, { 'idle-ms': 300 });
  const silent = await Client.connect(port);
  const used = await Client.connect(port);
  await sleep(150);
  const start = performance.now();
  await used.send(get('/constant')).reply();
  await silent.end();
  await used.end();
  assert.ok(performance.now() - start >= 290, 'from its last request on');
  assert.equal(silent.bytes.length + used.bytes.length, 0);
});

test('a client that does not read its reply is cut off, and costs no more than the reply', async (t) => {
  const { child, port } = await startServer(t, { 'write-ms': 500 });
  const client = await Client.connect(port);
  client.send(get('/large?bytes=50000000'));
  await client.until(() => client.bytes.length, 'the beginning'); // or the counts may not know it yet
  client.socket.pause();
  const cpu = cpuSeconds(child.pid);
  await untilCounts(port, (c) => c.connections_open === 1);
  assert.ok(cpuSeconds(child.pid) - cpu < 2, 'the server spins');
  client.socket.resume();
  await client.until(() => client.closed || client.ended, 'end');
  assert.ok(client.bytes.length < 50000000);
});

test('a slow reader gets all of a large reply', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  client.send(get('/large?bytes=20000000') + get('/constant'));
  for (let i = 0; i < 20; i++) {
    client.socket.pause();
    await sleep(10);
    client.socket.resume();
    await sleep(5);
  }
  const reply = await client.reply();
  assert.equal(reply.body.length, 20000000);
  assert.equal(reply.body.slice(-3), 'rst');
  assert.equal((await client.reply()).body, 'ok');
  client.close();
});

test('a client that leaves is noticed before the reply', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  client.send(get('/never'));
  await untilCounts(port, (c) => c.waiting === 1);
  client.socket.resetAndDestroy();
  const after = await untilCounts(port, (c) => c.waiting === 0);
  assert.equal(after.gone_total, 1);
  assert.equal(after.connections_open, 1);
});

test('a client that closes its socket is noticed, one that waits is not mistaken for it', async (t) => {
  const { port } = await startServer(t);
  const gone = await Client.connect(port);
  gone.send(get('/never'));
  const waiting = await Client.connect(port);
  waiting.send(get('/slow?ms=7000'));
  const old = await Client.connect(port);
  old.send('GET /slow?ms=7000 HTTP/1.0\r\n\r\n');
  await untilCounts(port, (c) => c.waiting === 3);
  gone.close(); // sends FIN, as the others do
  waiting.socket.end();
  old.socket.end();
  await untilCounts(port, (c) => c.gone_total === 1 && c.waiting === 2);
  assert.equal((await waiting.reply()).status, 200);
  assert.ok(waiting.interim >= 2, `asked ${waiting.interim} times whether it is there`);
  assert.equal((await old.reply()).body, 'slow');
  assert.equal((await counts(port)).gone_total, 1);
});

test('a client that leaves within its request is forgotten', async (t) => {
  const { port } = await startServer(t);
  for (const text of ['GET /con', 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc']) {
    const reset = await Client.connect(port);
    reset.send(text);
    await sleep(50);
    reset.socket.resetAndDestroy();
    const closed = await Client.connect(port);
    closed.send(text);
    closed.socket.end();
    assert.equal((await closed.reply()).status, 400);
    await closed.end();
    closed.close();
  }
  await untilCounts(port, (c) => c.connections_open === 1);
});

test('a client that only closed its sending side still gets its replies', async (t) => {
  const { port } = await startServer(t);
  const client = await Client.connect(port);
  client.send(get('/slow?ms=200') + get('/slow?ms=50') + get('/constant'));
  client.socket.end();
  assert.equal((await client.reply()).body, 'slow');
  assert.equal((await client.reply()).body, 'slow');
  assert.equal((await client.reply()).body, 'ok');
  await client.end();
  client.close();
  assert.equal((await counts(port)).gone_total, 0);
});

test('connections over the limit are told so', async (t) => {
  const { port } = await startServer(t, { connections: 5, loops: 1 });
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await Client.connect(port));
  await clients[4].send(get('/constant')).reply();
  const extra = await Client.connect(port);
  const reply = await extra.reply();
  assert.equal(reply.status, 503);
  assert.match(reply.json().error.message, /too many connections/);
  await extra.end();
  extra.close();
  assert.equal((await clients[0].send(get('/constant')).reply()).status, 200);
  clients[0].close();
  for (let status = 503; status === 503; ) {
    const next = await Client.connect(port); // until the server has seen that there is room
    ({ status } = await next.send(get('/constant')).reply());
    assert.ok(status === 200 || status === 503);
    next.close();
  }
  for (const client of clients) client.close();
});

test('large bodies together stay under their own limit', async (t) => {
  const { port } = await startServer(t, { 'body-total': 5_000_000, loops: 2 });
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n';
  const clients = [];
  for (let i = 0; i < 6; i++) {
    const client = await Client.connect(port);
    clients.push(client.send(head).send(Buffer.alloc(1_999_999)));
    await sleep(30);
  }
  await untilCounts(port, (c) => c.refused_total >= 1);
  const held = (await counts(port)).body_bytes_held;
  assert.ok(held > 0 && held <= 5_000_000, `${held} bytes held`);
  let served = 0;
  for (const client of clients) {
    client.send('x');
    const reply = await client.reply();
    assert.ok(reply.status === 200 || reply.status === 503);
    served += reply.status === 200;
    client.close();
  }
  assert.ok(served >= 2 && served < 6, `${served} served`);
  await untilCounts(port, (c) => c.body_bytes_held === 0);
});

test('out of descriptors, the server waits without spinning and recovers', async (t) => {
  const { child, port } = await startServer(t, { loops: 1 }, { shell: 'ulimit -n 40' });
  const clients = [];
  for (let i = 0; i < 60; i++) clients.push(await Client.connect(port)); // the kernel's queue takes the rest
  await sleep(200);
  const cpu = cpuSeconds(child.pid);
  await sleep(1000);
  assert.ok(cpuSeconds(child.pid) - cpu < 0.4, `${cpuSeconds(child.pid) - cpu} s of CPU in one second`);
  assert.equal((await clients[0].send(get('/constant')).reply()).status, 200);
  for (let i = 1; i < 40; i++) clients[i].close();
  assert.equal((await clients[59].send(get('/constant')).reply()).status, 200);
  for (const client of clients) client.close();
});

/** Until nobody listens: each loop closes its own socket. */
async function refused(port) {
  for (const end = performance.now() + 60_000; performance.now() < end; await sleep(5))
    try {
      (await Client.connect(port)).close();
    } catch (error) {
      if (error.code === 'ECONNREFUSED') return;
      assert.equal(error.code, 'ECONNRESET');
    }
  assert.fail('connections are still taken');
}

test('draining finishes what runs, and refuses what comes', async (t) => {
  const { child, port, nextLine, exited } = await startServer(t, { loops: 2 });
  const idle = await Client.connect(port);
  await idle.send(get('/constant')).reply();
  const running = await Client.connect(port);
  running.send(get('/slow?ms=2500'));
  const sending = await Client.connect(port);
  sending.send('POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc');
  await untilCounts(port, (c) => c.waiting === 1);
  child.kill('SIGTERM');
  await idle.end();
  assert.equal(running.bytes.length, 0, 'the idle one is not kept for those that run');
  await refused(port);
  sending.send('def');
  for (const [client, body] of [[sending, 'abcdef'], [running, 'slow']]) {
    const reply = await client.reply();
    assert.equal(reply.body, body);
    assert.equal(reply.headers.connection, 'close');
    await client.end();
    client.close();
  }
  assert.deepEqual(await nextLine(), { drained: true });
  assert.equal((await exited)[0], 0);
});

test('draining ends at its deadline', async (t) => {
  const { child, port, nextLine, exited } = await startServer(t, { 'drain-ms': 500 });
  const client = await Client.connect(port);
  client.send(get('/never'));
  await untilCounts(port, (c) => c.waiting === 1);
  const start = performance.now();
  child.kill('SIGTERM');
  assert.deepEqual(await nextLine(), { drained: false });
  assert.equal((await exited)[0], 0);
  assert.ok(performance.now() - start >= 490);
  client.close();
});

/** Requests one after the other until the server says that it closes; returns how many were answered. */
async function keepAsking(port, state) {
  for (;;) {
    let client;
    try {
      client = await Client.connect(port);
    } catch (error) {
      if (error.code === 'ECONNREFUSED') return;
      throw error;
    }
    for (let open = true; open; ) {
      await sleep(Math.random() * 30); // so that many connections are idle when the end comes
      state.asked++;
      const reply = await client.send(get('/slow?ms=2')).reply();
      assert.equal(reply.body, 'slow');
      state.answered++;
      open = reply.headers.connection !== 'close';
    }
    client.close();
  }
}

test('no request is lost when the server ends under load', async (t) => {
  for (let round = 0; round < 3; round++) {
    const { child, port, exited } = await startServer(t, { loops: 2 });
    const state = { asked: 0, answered: 0 };
    const clients = Array.from({ length: 20 }, () => keepAsking(port, state));
    for (const end = performance.now() + 60_000; state.answered < 100 && performance.now() < end; ) await sleep(20);
    child.kill('SIGTERM');
    await Promise.all(clients);
    assert.equal((await exited)[0], 0);
    assert.ok(state.answered > 20);
    assert.equal(state.asked, state.answered);
  }
});

test('connections that wait to be accepted when the server ends are served', async (t) => {
  const { child, port, exited } = await startServer(t, { loops: 1 });
  const busy = await Client.connect(port);
  busy.send(get('/busy?us=700000'));
  await sleep(50);
  const waiting = await Promise.all(Array.from({ length: 150 }, () => Client.connect(port)));
  for (const client of waiting) client.send(get('/constant'));
  child.kill('SIGTERM');
  for (const client of [busy, ...waiting]) {
    assert.equal((await client.reply()).status, 200);
    client.close();
  }
  assert.equal((await exited)[0], 0);
});

test('one client that sends ahead does not keep the others waiting', async (t) => {
  const { port } = await startServer(t, { loops: 1 });
  const greedy = await Client.connect(port);
  const other = await Client.connect(port);
  await other.send(get('/constant')).reply();
  greedy.send(get('/busy?us=3000').repeat(300)); // in one read
  const { requests_total: begun } = (await other.send(get('/counts')).reply()).json();
  assert.ok(begun < 200, `some ${begun} of 300 requests of the one went first`);
  for (let i = 0; i < 300; i++) assert.equal((await greedy.reply()).body, 'busy');
  greedy.close();
  other.close();
});

test('an address that cannot be used is explained', async (t) => {
  for (const [address, reason] of [['127.0.0.1', /no port/], ['127.0.0.1:99999', /0 to 65535/], ['nowhere:1', /numeric/], ['::1:80', /brackets/], ['203.0.113.1:8080', /cannot listen/]])
    await assert.rejects(startServer(t, { listen: address }), reason);
});

test('two servers do not share a port unnoticed', async (t) => {
  const { port } = await startServer(t, { loops: 2 });
  await assert.rejects(startServer(t, { listen: `127.0.0.1:${port}` }), /cannot listen on "127\.0\.0\.1:\d+": Address already in use/);
  await assert.rejects(startServer(t, { listen: `*:${port}` }), /already in use/);
  assert.equal((await ask(port, get('/constant'))).status, 200);
});

test('a server that was stopped with connections open can be started again at once', async (t) => {
  const first = await startServer(t);
  const client = await Client.connect(first.port);
  await client.send(get('/constant')).reply();
  await first.stop();
  const second = await startServer(t, { listen: `127.0.0.1:${first.port}` });
  assert.equal((await ask(second.port, get('/constant'))).status, 200);
  client.close();
});

test('draining takes requests whose connection was still to be answered', async (t) => {
  const { child, port, nextLine } = await startServer(t, { loops: 1 });
  // The skipped body and the unread reply end after the drain began; neither may wait for an idle timeout.
  const skipping = await Client.connect(port);
  skipping.send('POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345');
  assert.equal((await skipping.reply()).status, 401);
  const reading = await Client.connect(port);
  reading.send(get('/large?bytes=30000000'));
  await reading.until(() => reading.bytes.length, 'the beginning');
  reading.socket.pause();
  const start = performance.now();
  child.kill('SIGTERM');
  await sleep(100);
  skipping.send('67890');
  reading.socket.resume();
  assert.equal((await reading.reply()).body.length, 30000000);
  assert.deepEqual(await nextLine(), { drained: true });
  assert.ok(performance.now() - start < 60_000, 'not an idle timeout of 75 s later');
  for (const client of [skipping, reading]) client.close();
});
