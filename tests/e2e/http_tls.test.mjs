// TLS on the same path: what is refused, large transfers, half-closed clients, certificates that change.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Client, get, sleep, startServer } from './http_raw.mjs';

let folder;

function makeCertificate(name) {
  const file = (suffix) => path.join(folder, `${name}.${suffix}`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost', '-keyout', file('key'), '-out', file('crt')], { stdio: 'ignore' });
  return { certificate: file('crt'), key: file('key') };
}

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'penstock-tls-'));
});
after(() => fs.rmSync(folder, { recursive: true }));

async function connectTls(port, certificate, options = {}) {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: fs.readFileSync(certificate), ALPNProtocols: ['http/1.1'], ...options });
  await once(socket, 'secureConnect');
  return new Client(socket);
}

const nameOf = (client) => client.socket.getPeerCertificate().subject.CN;

test('requests over TLS 1.2 and 1.3', async (t) => {
  const files = makeCertificate('versions');
  const { port } = await startServer(t, files);
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const client = await connectTls(port, files.certificate, { minVersion: version, maxVersion: version });
    assert.equal(client.socket.getProtocol(), version);
    assert.equal(client.socket.alpnProtocol, 'http/1.1');
    const seen = (await client.send(get('/echo?x')).reply()).json();
    assert.equal(seen.tls, true);
    assert.equal(seen.query, 'x');
    client.send(get('/slow?ms=30') + get('/constant') + get('/slow?ms=10'));
    for (const body of ['slow', 'ok', 'slow']) assert.equal((await client.reply()).body, body);
    client.close();
  }
});

test('older versions and other protocols are refused', async (t) => {
  const files = makeCertificate('refused');
  const { port } = await startServer(t, { ...files, 'head-ms': 500 });
  await assert.rejects(connectTls(port, files.certificate, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }));
  await assert.rejects(connectTls(port, files.certificate, { ALPNProtocols: ['h2'] }));
  const plain = await Client.connect(port);
  plain.send(get('/constant'));
  await plain.until(() => plain.closed || plain.ended, 'end');
  assert.ok(!plain.bytes.includes('HTTP/'));
  plain.close();
  const silent = await Client.connect(port);
  const start = performance.now();
  silent.send('\x16\x03\x01');
  await silent.end();
  assert.ok(performance.now() - start >= 480, 'before the deadline of the handshake');
});

test('large bodies both ways, to slow readers too', async (t) => {
  const files = makeCertificate('large');
  const { port } = await startServer(t, files);
  const client = await connectTls(port, files.certificate);
  const body = Buffer.alloc(5_000_000, 'abcdefghijklmnopqrstuvwxyz');
  client.send(`POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`).send(body);
  assert.ok(Buffer.from((await client.reply()).body, 'latin1').equals(body));
  client.send(get('/large?bytes=10000000') + get('/constant'));
  for (let i = 0; i < 20; i++) {
    client.socket.pause();
    await sleep(10);
    client.socket.resume();
    await sleep(2);
  }
  const reply = await client.reply();
  assert.equal(reply.body.length, 10_000_000);
  assert.equal(reply.body.slice(26 * 384615, 26 * 384615 + 10), 'abcdefghij');
  assert.equal((await client.reply()).body, 'ok');
  client.close();
});

test('a body that is awaited is asked for, and an error ends the session in order', async (t) => {
  const files = makeCertificate('errors');
  const { port } = await startServer(t, files);
  const client = await connectTls(port, files.certificate);
  client.send('POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
  assert.equal((await client.reply()).status, 100);
  assert.equal((await client.send('abc').reply()).body, 'abc');
  assert.equal((await client.send('GET / HTTP/1.1\nHost: a\r\n\r\n').reply()).status, 400);
  await client.end();
  client.close();
});

test('a client that only closed its sending side still gets its replies', async (t) => {
  const files = makeCertificate('half');
  const { port } = await startServer(t, files);
  const client = await connectTls(port, files.certificate, { allowHalfOpen: true });
  client.send(get('/slow?ms=200') + get('/constant'));
  client.socket.end();
  assert.equal((await client.reply()).body, 'slow');
  assert.equal((await client.reply()).body, 'ok');
  await client.end();
  client.close();
});

test('a new certificate is for new connections; a broken one changes nothing', async (t) => {
  const first = makeCertificate('first');
  const second = makeCertificate('second');
  const live = { certificate: path.join(folder, 'live.crt'), key: path.join(folder, 'live.key') };
  const put = (files) => {
    fs.copyFileSync(files.certificate, live.certificate);
    fs.copyFileSync(files.key, live.key);
  };
  put(first);
  const server = await startServer(t, live);
  // whose authority is its own: a connection to the other one is refused here
  const reloaded = async () => {
    for (const end = performance.now() + 60_000; ; await sleep(20))
      try {
        return await connectTls(server.port, second.certificate);
      } catch (error) {
        if (performance.now() > end) throw error;
      }
  };
  const before = await connectTls(server.port, first.certificate);
  assert.equal(nameOf(before), 'first');
  put(second);
  server.child.kill('SIGHUP');
  const after = await reloaded();
  assert.equal(nameOf(after), 'second');
  assert.equal((await before.send(get('/constant')).reply()).body, 'ok');
  fs.copyFileSync(first.key, live.key); // a key that belongs to another certificate
  server.child.kill('SIGHUP');
  for (const end = performance.now() + 60_000; !server.errors && performance.now() < end; ) await sleep(20);
  assert.match(server.errors, /not reloaded: .*live\.key/);
  const still = await connectTls(server.port, second.certificate);
  assert.equal(nameOf(still), 'second');
  for (const client of [before, after, still]) client.close();
});

test('certificates that cannot be used are explained', async (t) => {
  const good = makeCertificate('good');
  const broken = path.join(folder, 'broken.pem');
  fs.writeFileSync(broken, 'no certificate\n');
  const missing = path.join(folder, 'missing.pem');
  await assert.rejects(startServer(t, { certificate: missing, key: good.key }), /certificate .*missing\.pem/);
  await assert.rejects(startServer(t, { certificate: broken, key: good.key }), /certificate .*broken\.pem/);
  await assert.rejects(startServer(t, { certificate: good.certificate, key: broken }), /key .*broken\.pem/);
  await assert.rejects(startServer(t, { certificate: good.certificate }), /both a certificate file and a key file/);
});
