// The malware scan, against a stand-in for clamd that speaks INSTREAM: clean, found, and every way of not answering.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { atEnd, multipart, serve, storeWithModels, until } from './penstock.mjs';
import { pdf } from './samples.mjs';

// The harmless test file that every scanner knows, put together here so that no scanner finds it in this file.
const eicar = ['X5O!P%@AP[4', '\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!', '$H+H*'].join('');
const binaryType = { headers: { 'content-type': 'application/octet-stream' } };
let serial = 0;
const file = (text = 'i was charged twice') => pdf([text, `number ${serial++}`]);

// Takes "zINSTREAM\0", chunks with a length before each, and a length of zero. `mode` says what it then does.
async function clamd(t) {
  const stand = { mode: 'honest', scanned: 0 };
  const server = net.createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    if (stand.mode === 'close at once') return socket.destroy();
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      if (stand.mode === 'close midway' && bytes.length > 100) return socket.destroy();
      let at = 'zINSTREAM\0'.length;
      const content = [];
      while (bytes.length >= at + 4) {
        const length = bytes.readUInt32BE(at);
        if (length === 0) return answer(socket, Buffer.concat(content));
        if (bytes.length < at + 4 + length) return;
        content.push(bytes.subarray(at + 4, at + 4 + length));
        at += 4 + length;
      }
    });
  });
  const answer = (socket, content) => {
    stand.scanned++;
    if (stand.mode === 'hang') return;
    const replies = {
      error: 'INSTREAM size limit exceeded. ERROR\0',
      nonsense: 'stream: OK, surely\0',
      half: 'stream: O',
    };
    socket.end(replies[stand.mode] ?? (content.includes(eicar) ? 'stream: Eicar-Signature FOUND\0' : 'stream: OK\0'));
  };
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const open = new Set();
  server.on('connection', (socket) => open.add(socket.on('close', () => open.delete(socket))));
  atEnd(t, () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  stand.address = `127.0.0.1:${server.address().port}`;
  return stand;
}

const failures = ['hang', 'close at once', 'close midway', 'error', 'nonsense', 'half'];

test('the malware scan', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const stand = await clamd(t);
  const endpoints = { papers: { accepts: ['text', 'file'], rollout: [{ model: 'tickets@1' }], accept_threshold: 0 } };
  const server = await serve(
    t,
    { scan: { clamd: stand.address, timeout: '20s', on_unavailable: 'reject' }, endpoints },
    { store },
  );
  const record = (id) =>
    until('the record', async () => {
      const found = await server.get(`/v1/requests/${id}`);
      return found.status === 200 && found.json;
    });

  await t.test('a clean file is called clean, in the reply and in the record', async () => {
    const answer = await server.answer('papers', file(), binaryType);
    assert.equal(answer.document.scan, 'clean');
    assert.ok(answer.stages.scan > 0);
    assert.equal((await record(answer.request_id)).scan, 'clean');
  });

  await t.test('malware is refused with its name, and recorded', async () => {
    for (const bytes of [eicar, Buffer.concat([file(), Buffer.from(`\n% ${eicar}`)])]) {
      const error = await server.refused(
        'papers',
        undefined,
        400,
        'malware_found',
        multipart([{ name: 'file', filename: 'a.pdf', bytes }]),
      );
      assert.match(error.message, /Eicar-Signature/);
      const kept = await record(error.request_id);
      assert.deepEqual([kept.scan, kept.decision, kept.error.code], ['found', 'rejected', 'malware_found']);
    }
  });

  await t.test('a file is scanned each time, also when its answer is in the cache', async () => {
    const bytes = file();
    await server.answer('papers', bytes, binaryType);
    const before = stand.scanned;
    const again = await server.answer('papers', bytes, binaryType);
    assert.deepEqual([again.cached, again.document.scan, stand.scanned], [true, 'clean', before + 1]);
  });

  await t.test('texts need no scan', async () => {
    const before = stand.scanned;
    assert.ok(!('scan' in (await server.answer('papers', { text: 'a text' })).stages));
    assert.equal(stand.scanned, before);
  });

  const hasty = { ...server.config, scan: { ...server.config.scan, timeout: '500ms' } };
  await server.reload(hasty);
  for (const mode of failures)
    await t.test(`on_unavailable: reject; clamd: ${mode}`, async () => {
      stand.mode = mode;
      const error = await server.refused('papers', file(), 503, 'malware_scan_unavailable', binaryType);
      assert.equal(error.headers['retry-after'], '5');
      assert.equal((await record(error.request_id)).scan, 'not_scanned');
    });

  await t.test('a client that leaves while the scan hangs does no harm', async () => {
    stand.mode = 'hang';
    await Promise.all(
      Array.from({ length: 5 }, () =>
        server.predict('papers', file(), { ...binaryType, signal: AbortSignal.timeout(100) }).catch(() => {}),
      ),
    );
    stand.mode = 'honest';
    await server.reload(server.config);
    assert.equal((await server.answer('papers', file(), binaryType)).document.scan, 'clean');
  });

  await t.test('with allow the file goes on, and is nowhere called clean', async () => {
    const allowing = (config) => ({ ...config, scan: { ...config.scan, on_unavailable: 'allow' } });
    await server.reload(allowing(hasty));
    for (const mode of failures) {
      stand.mode = mode;
      const answer = await server.answer('papers', file(), binaryType);
      assert.deepEqual([answer.document.scan, answer.prediction], ['not_scanned', 'billing'], mode);
      assert.equal((await record(answer.request_id)).scan, 'not_scanned');
    }
    stand.mode = 'honest';
    await server.reload(allowing(server.config));
    await server.refused('papers', eicar, 400, 'malware_found', binaryType);
  });
});
