// TLS: a certificate made here, and another one after SIGHUP.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { folder, serve } from './penstock.mjs';

function certificate(dir, name) {
  const [key, cert] = [path.join(dir, `${name}.key`), path.join(dir, `${name}.pem`)];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'pipe' },
  );
  return { key, cert };
}

test('TLS', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const first = certificate(dir, 'first'),
    second = certificate(dir, 'second');
  const [key, cert] = [path.join(dir, 'server.key'), path.join(dir, 'server.pem')];
  const install = (pair) => {
    fs.copyFileSync(pair.key, key);
    fs.copyFileSync(pair.cert, cert);
  };
  install(first);
  const server = await serve(t, { server: { tls: { certificate: cert, key } } }, { dir });
  const ask = (pair) =>
    server.get('/healthz', { ca: fs.readFileSync(pair.cert), agent: server.newAgent({ keepAlive: false }) });
  const served = () =>
    new Promise((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.on('error', reject);
    });

  await t.test('requests go over it, and its certificate is the configured one', async () => {
    assert.match(server.log('server.listening')[0].message, /https:\/\//);
    assert.equal((await ask(first)).status, 200);
    await assert.rejects(ask(second), /self.signed|unable to verify|certificate/i);
  });

  await t.test('plain HTTP gets no answer there', async () => {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.setTimeout(5000, () => socket.destroy());
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    let text = '';
    for await (const data of socket) text += data.toString('latin1');
    assert.ok(!text.includes('200 OK'));
  });

  await t.test('SIGHUP brings a new certificate; open connections go on', async () => {
    const kept = server.newAgent({ keepAlive: true });
    const options = { agent: kept, ca: fs.readFileSync(first.cert) };
    assert.equal((await server.get('/healthz', options)).status, 200);
    install(second);
    await server.reload(server.config);
    assert.equal(await served(), 'second');
    assert.equal((await ask(second)).status, 200);
    assert.equal((await server.get('/healthz', options)).status, 200);
  });

  await t.test('a certificate that does not fit its key changes nothing', async () => {
    fs.copyFileSync(first.cert, cert);
    await server.reload(server.config);
    assert.equal(server.log('config.refused').length > 0, true);
    assert.equal(await served(), 'second');
  });
});
