// Wrong input: always a 4xx that says what is wrong, with the request's ID; and the server goes on unharmed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { multipart, serve, shared, storeWithModels } from './penstock.mjs';
import { billingText } from './samples.mjs';

const json = { headers: { 'content-type': 'application/json' } };
const plain = { headers: { 'content-type': 'text/plain' } };

// Calls `each` for every item, `width` at a time.
async function inParallel(items, width, each) {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (queue.length) await each(queue.shift());
    }),
  );
}

test('wrong input', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const server = await serve(
    t,
    {
      server: { body_max: '100KB', body_timeout: '3s' },
      endpoints: {
        tickets: { rollout: [{ model: 'tickets@1' }], accept_threshold: 0, text_max: '10KB' },
        papers: { accepts: ['text', 'file'], rollout: [{ model: 'tickets@1' }], accept_threshold: 0 },
      },
    },
    { store },
  );
  t.afterEach(async () => {
    await server.healthy();
    assert.equal((await server.answer('tickets', { text: billingText })).prediction, 'billing');
  });

  const wrong = [
    ['nothing at all', '', 'invalid_json', /./, json],
    ['not JSON', '{"text": "a', 'invalid_json', /byte|position|offset/, json],
    ['something after the JSON', '{"text":"a"} x', 'invalid_json', /./, json],
    ['a key twice', '{"text":"a","text":"b"}', 'invalid_json', /text/, json],
    ['depth without end', '['.repeat(50_000), 'invalid_json', /./, json],
    ['an array', '["text"]', 'invalid_json', /array.*object/, json],
    ['a number', '7', 'invalid_json', /object/, json],
    ['null', 'null', 'invalid_json', /null/, json],
    ['an empty object', {}, 'missing_field', /either "text" or "features"/],
    ['both a text and features', { text: 'a', features: {} }, 'missing_field', /both/],
    ['a number as text', { text: 7 }, 'invalid_field', /"text".*string/, {}, 'text'],
    ['null as text', { text: null }, 'invalid_field', /"text" is null/, {}, 'text'],
    ['an empty text', { text: '' }, 'invalid_text', /empty/, {}, 'text'],
    ['white space', { text: ' \t\r\n ' }, 'invalid_text', /empty/, {}, 'text'],
    ['half a surrogate pair', '{"text":"\\ud800"}', 'invalid_json', /./, json],
    [
      'bytes that are not UTF-8',
      Buffer.from([0x7b, 0x22, 0x74, 0x65, 0x78, 0x74, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
      'invalid_json',
      /./,
      json,
    ],
    ['plain text that is not UTF-8', Buffer.from([0x61, 0xc3, 0x28]), 'invalid_text', /UTF-8 at byte 1/, plain, 'text'],
    ['a text that is too long', { text: 'x'.repeat(10_001) }, 'invalid_text', /10001 bytes.*10000/, {}, 'text'],
    ['a misspelt key', { txt: 'a' }, 'invalid_field', /"txt", did you mean "text"\?/, {}, 'text'],
    ['another misspelt key', { text: 'a', usr: 'b' }, 'invalid_field', /"usr", did you mean "user"\?/, {}, 'user'],
    ['a key like none', { text: 'a', temperature: 1 }, 'invalid_field', /"temperature"; expected/],
    ['a user that is no text', { text: 'a', user: 42 }, 'invalid_field', /"user"/, {}, 'user'],
    ['a user that is too long', { text: 'a', user: 'u'.repeat(257) }, 'invalid_field', /257.*256/, {}, 'user'],
    ['features, where texts are taken', { features: { a: 1 } }, 'bad_request', /does not take features.*\{"text"/],
    [
      'a web form',
      'text=a',
      'bad_request',
      /web form.*application\/json/,
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      'content-type',
    ],
    [
      'a file, where texts are taken',
      Buffer.from('%PDF-1.4'),
      'bad_request',
      /does not take a file/,
      { headers: { 'content-type': 'application/pdf' } },
    ],
  ];
  for (const [name, body, code, message, options = {}, param = undefined] of wrong)
    await t.test(name, async () => {
      const error = await server.refused('tickets', body, 400, code, {
        ...options,
        headers: { ...options.headers, 'x-request-id': 'wrong-input' },
      });
      assert.match(error.message, message);
      assert.equal(error.request_id, 'wrong-input');
      assert.equal(error.headers['x-request-id'], 'wrong-input');
      if (param) assert.equal(error.param, param);
    });

  const part = { name: 'file', filename: 'a.txt', bytes: billingText };
  const forms = [
    ['a form without its end', multipart([part], { end: false }), 'invalid_multipart'],
    [
      'a form without a boundary',
      { body: 'x', headers: { 'content-type': 'multipart/form-data' } },
      'invalid_multipart',
    ],
    [
      'a form whose boundary never comes',
      { body: 'no boundary here', headers: { 'content-type': 'multipart/form-data; boundary=abc' } },
      'invalid_multipart',
    ],
    ['an empty form', multipart([]), undefined],
    ['a form without a file', multipart([{ name: 'document', bytes: 'x' }]), 'missing_field'],
    ['an empty file in a form', multipart([{ ...part, bytes: '' }]), 'file_empty'],
    [
      'a form with more parts than anybody needs',
      multipart(Array.from({ length: 900 }, () => ({ name: 'x', bytes: 'y' }))),
      'invalid_multipart',
    ],
  ];
  for (const [name, { body, headers }, code] of forms)
    await t.test(name, async () => {
      const reply = await server.predict('papers', body, { headers });
      assert.equal(reply.status, 400, reply.text);
      if (code) assert.equal(reply.json.error.code, code, reply.text);
    });

  await t.test('a body that is too large: 413, announced or chunked', async () => {
    const large = Buffer.alloc(100_001, 97);
    const error = await server.refused('tickets', large, 413, 'body_too_large', plain);
    assert.match(error.message, /100000/);
    await server.refused('tickets', undefined, 413, 'body_too_large', {
      headers: { ...plain.headers, 'content-length': '99999999999' },
    });
    const chunked = await new Promise((resolve, reject) => {
      const socket = net.connect(server.port, '127.0.0.1');
      let text = '';
      socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
      socket
        .on('error', () => {})
        .on('data', (data) => (text += data))
        .on('close', () => resolve(text))
        .on('timeout', reject);
      socket.write(
        'POST /v1/endpoints/tickets/predict HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      for (let i = 0; i < 30; i++) socket.write(`1000\r\n${'a'.repeat(4096)}\r\n`);
    });
    assert.match(chunked, /^HTTP\/1\.1 413 [^]*body_too_large/);
  });

  await t.test('a body that stops coming: 408', async () => {
    const reply = await server.predict('tickets', undefined, { headers: { ...json.headers, 'content-length': '50' } });
    assert.equal(`${reply.status} ${reply.json.error.code}`, '408 request_timeout');
  });

  const suite = shared('malformed', 'json');
  await t.test(
    'every file of JSONTestSuite as a body',
    { skip: !suite && 'no malformed/json in the shared test data' },
    async () => {
      const rows = fs
        .readFileSync(path.join(suite, 'manifest.csv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((row) => row.split(','));
      const files = rows
        .map(([side, file, expected]) => ({ file: path.join(suite, side, file), expected }))
        .filter(({ file }) => fs.existsSync(file));
      assert.ok(files.length > 100);
      await inParallel(files, 4, async ({ file, expected }) => {
        const bytes = fs.readFileSync(file);
        const reply = await server.predict('tickets', bytes, json);
        assert.equal(Math.floor(reply.status / 100), 4, `${file}: ${reply.text}`);
        if (expected === 'reject' && bytes.length < 100_000)
          assert.equal(reply.json.error.code, 'invalid_json', `${file}: ${reply.text}`);
        // Inside of a request that is right otherwise, what is good JSON must pass the reader: the value is then refused.
        const inside = Buffer.concat([Buffer.from('{"text":"a","user":'), bytes, Buffer.from('}')]);
        const wrapped = await server.predict('tickets', inside, json);
        assert.ok(wrapped.status < 500, `${file}: ${wrapped.text}`);
        if (expected === 'accept' && !/duplicate/.test(file) && wrapped.status !== 200)
          assert.equal(wrapped.json.error.code, 'invalid_field', `${file}: ${wrapped.text}`);
      });
    },
  );

  const naughty = shared('malformed', 'naughty_strings', 'blns.json');
  await t.test(
    'the naughty strings as texts, users and IDs',
    { skip: !naughty && 'no naughty strings in the shared test data' },
    async () => {
      const strings = JSON.parse(fs.readFileSync(naughty, 'utf8'));
      assert.ok(strings.length > 400);
      await inParallel(strings, 4, async (text) => {
        const reply = await server.predict('tickets', { text, user: text });
        const good = text.trim() !== '' && Buffer.byteLength(text) <= 256;
        if (good && !/^\s*$/u.test(text)) assert.equal(reply.status, 200, `${JSON.stringify(text)}: ${reply.text}`);
        assert.ok([200, 400].includes(reply.status), `${JSON.stringify(text)}: ${reply.text}`);
        const path = await server.get(`/v1/requests/${encodeURIComponent(text) || 'x'}`);
        assert.ok([400, 404].includes(path.status), `${JSON.stringify(text)}: ${path.text}`);
      });
    },
  );
});
