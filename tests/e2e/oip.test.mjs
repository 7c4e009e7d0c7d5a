// The Open Inference Protocol v2: through NVIDIA's own client where it is there, and byte by byte.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { build, command, createKey, folder, root, serve, storeWithModels, train, until } from './penstock.mjs';
import { pdf, table } from './samples.mjs';

// Python with tritonclient[http] and what that needs. $PENSTOCK_TRITONCLIENT: a folder that holds the package.
const python = { program: process.env.PENSTOCK_PYTHON ?? '/usr/bin/python3', env: { PYTHONPATH: process.env.PENSTOCK_TRITONCLIENT ?? '' } };
const judge = await command(['-c', 'import tritonclient.http'], { ...python, code: null }).then(
  (ended) => ended.code === 0,
  () => false,
);
const noJudge = !judge && "NVIDIA's tritonclient.http is not there: install it for $PENSTOCK_PYTHON, or name its folder as $PENSTOCK_TRITONCLIENT";

async function ask(server, ...calls) {
  const { stdout } = await command([`${root}tests/e2e/oip_triton.py`, `127.0.0.1:${server.port}`], { ...python, input: JSON.stringify(calls) });
  return JSON.parse(stdout);
}

const texts = (...data) => ({ name: 'text', shape: [data.length], datatype: 'BYTES', data });
const charged = 'i was charged twice';
const parcel = 'my parcel has not arrived';

// One request as JSON; the reply's outputs by their names.
async function infer(server, model, body, options) {
  const reply = await server.request('POST', `/v2/models/${model}/infer`, { body, ...options });
  if (reply.status === 200 && reply.json) reply.outputs = Object.fromEntries(reply.json.outputs.map((output) => [output.name, output.data]));
  return reply;
}

async function refused(server, model, body, status, message, options) {
  const reply = await infer(server, model, body, options);
  assert.equal(reply.status, status, reply.text);
  assert.match(reply.json.error, message);
}

const config = (more = {}) => ({
  endpoints: {
    support: { accepts: 'text', rollout: [{ model: 'tickets@1', weight: 0.5 }, { model: 'tickets@2', weight: 0.5 }], sticky: 'none', accept_threshold: 0.5, ...more },
    plain: { accepts: 'text', rollout: [{ model: 'tickets@2' }], accept_threshold: 0.5, cache: false },
  },
});

test("NVIDIA's client", { skip: noJudge, timeout: 300_000 }, async (t) => {
  const server = await serve(t, config(), { store: await storeWithModels(t) });
  await t.test('what there is', async () => {
    const [live, ready, about, model, pinned, none, one] = await ask(
      server,
      { call: 'is_server_live' },
      { call: 'is_server_ready' },
      { call: 'get_server_metadata' },
      { call: 'get_model_metadata', arguments: ['support'] },
      { call: 'get_model_metadata', arguments: ['tickets', '2'] },
      { call: 'is_model_ready', arguments: ['nothing'] },
      { call: 'is_model_ready', arguments: ['support', '1'] },
    );
    assert.deepEqual([live, ready, none, one], [true, true, false, true]);
    assert.equal(about.name, 'penstock');
    assert.ok(about.extensions.includes('binary_tensor_data'));
    assert.deepEqual([model.versions, model.platform], [['1', '2'], 'penstock_linear']);
    assert.deepEqual(model.inputs, [{ name: 'text', datatype: 'BYTES', shape: [-1] }]);
    assert.deepEqual(pinned.versions, ['1', '2']);
  });
  await t.test('texts in binary, outputs in binary', async () => {
    const [reply] = await ask(server, { call: 'infer', model: 'support', version: '2', id: '42', inputs: [texts(charged, parcel)] });
    assert.deepEqual(reply.outputs.label, ['billing', 'delivery'], JSON.stringify(reply));
    assert.deepEqual(reply.outputs.decision, ['accepted', 'accepted']);
    assert.deepEqual([reply.response.id, reply.response.model_version], ['42', '2']);
    const through = await server.answer('plain', { text: charged });
    assert.ok(Math.abs(reply.outputs.confidence[0] - through.confidence) < 1e-4);
    assert.deepEqual(reply.outputs.classes[0], through.labels.map(({ label }) => label));
  });
  await t.test('texts and outputs as JSON', async () => {
    const [reply] = await ask(server, {
      call: 'infer',
      model: 'tickets',
      inputs: [{ ...texts('ünïcödé: i was charged twice'), binary: false }],
      outputs: [{ name: 'label', binary: false }, { name: 'confidence', binary: false }],
    });
    assert.deepEqual(reply.outputs.label, ['billing']);
    assert.equal(reply.response.parameters.model, 'tickets@2', 'of a model the newest version that is served');
  });
  await t.test('classes by the classification extension', async () => {
    const [reply] = await ask(server, { call: 'infer', model: 'plain', inputs: [texts(charged)], outputs: [{ name: 'probabilities', classes: 2 }] });
    const [[first, second]] = reply.outputs.probabilities;
    assert.match(first, /^0\.\d+:0:billing$/);
    assert.match(second, /^0\.\d+:[12]:(delivery|technical)$/);
  });
  await t.test('errors are what the client expects', async () => {
    const [empty, nothing, version, packed] = await ask(
      server,
      { call: 'infer', model: 'plain', inputs: [texts(charged, ' ')] },
      { call: 'infer', model: 'nothing', inputs: [texts(charged)] },
      { call: 'infer', model: 'plain', version: '9', inputs: [texts(charged)] },
      { call: 'infer', model: 'plain', inputs: [texts(charged)], compression: 'gzip' },
    );
    assert.deepEqual(empty, { error: 'Row 2 of 2: The text is empty; send at least one word.', status: '400' });
    assert.equal(nothing.status, '404');
    assert.match(version.error, /no version "9"/);
    assert.match(packed.error, /"gzip"; send it without compression/);
  });
  await t.test('statistics and the index', async () => {
    const [stats, index] = await ask(server, { call: 'get_inference_statistics', arguments: ['plain'] }, { call: 'get_model_repository_index' });
    const [all, second] = stats.model_stats;
    assert.deepEqual([all.name, all.version, second.version], ['plain', undefined, '2']);
    assert.ok(second.inference_stats.success.count >= 3 && second.inference_stats.compute_infer.ns > 0);
    assert.equal(all.inference_stats.fail.count, 1);
    assert.deepEqual(
      index.map(({ name, version, state }) => `${name} ${version} ${state}`).sort(),
      ['plain 2 READY', 'support 1 READY', 'support 2 READY', 'tickets 1 READY', 'tickets 2 READY'],
    );
  });
});

test('the same pipeline as the other surface', { timeout: 300_000 }, async (t) => {
  const server = await serve(t, { ...config(), log: { requests: true } }, { store: await storeWithModels(t) });
  const record = (id) =>
    until(`the record ${id}`, async () => {
      const reply = await server.get(`/v1/requests/${id}`, { check: false });
      return reply.status === 200 && reply.json;
    });
  await t.test('each row is a prediction with a record of its own', async () => {
    const reply = await infer(server, 'plain', { inputs: [texts(charged, parcel)] }, { headers: { 'x-request-id': 'rows-1' } });
    assert.equal(reply.headers['x-request-id'], 'rows-1');
    assert.deepEqual(reply.outputs.label, ['billing', 'delivery']);
    const [first, second] = [await record('rows-1.0'), await record('rows-1.1')];
    assert.deepEqual([first.prediction, second.prediction], ['billing', 'delivery']);
    assert.deepEqual([first.endpoint, first.model, first.decision], ['plain', 'tickets@2', 'accepted']);
    await server.answer('plain', { text: charged }, { headers: { 'x-request-id': 'rows-2' } });
    const other = await record('rows-2');
    assert.deepEqual(Object.keys(first.stages_ms ?? first.stages), Object.keys(other.stages_ms ?? other.stages));
    assert.equal(first.input_sha256 ?? first.input_hash, other.input_sha256 ?? other.input_hash);
  });
  await t.test('a row alone has the ID itself, and says its decision beside the tensors', async () => {
    const reply = await infer(server, 'plain', { id: 'mine', inputs: [texts(charged)] }, { headers: { 'x-request-id': 'rows-3' } });
    assert.deepEqual(reply.json.parameters, { request_id: 'rows-3', decision: 'accepted', model: 'tickets@2' });
    assert.equal(reply.json.id, 'mine');
    assert.equal((await record('rows-3')).decision, 'accepted');
  });
  await t.test('the cache is one', async () => {
    const text = `${charged} for the same thing`;
    const before = await infer(server, 'support', { inputs: [texts(text)] });
    const model = before.json.parameters.model;
    await until('an answer of the cache', async () => {
      const reply = await server.answer('support', { text });
      return reply.model === model && reply.cached;
    });
  });
  await t.test('a version that is named answers every time', async () => {
    for (const version of ['1', '2', 'tickets@1']) {
      const reply = await infer(server, `support/versions/${version}`, { inputs: [texts(charged, parcel, charged)], outputs: [{ name: 'model' }] });
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(new Set(reply.outputs.model), new Set([`tickets@${version.at(-1)}`]));
    }
  });
  await t.test('without one the split chooses, row by row', async () => {
    const { outputs } = await infer(server, 'support', { inputs: [texts(...Array.from({ length: 64 }, (_, i) => `${charged} ${i}`))], outputs: [{ name: 'model' }] });
    assert.deepEqual(new Set(outputs.model), new Set(['tickets@1', 'tickets@2']));
  });
  await t.test('what a person is to decide says which review', async () => {
    const careful = await serve(t, config({ accept_threshold: 1, review_threshold: 1 }), { store: await storeWithModels(t) });
    const reply = await infer(careful, 'support', { inputs: [texts(charged, parcel)], outputs: [{ name: 'decision' }, { name: 'review_id' }, { name: 'label' }] });
    assert.deepEqual(reply.outputs.decision, ['review', 'review']);
    assert.deepEqual(reply.outputs.label, ['billing', 'delivery']);
    for (const id of reply.outputs.review_id) assert.equal((await careful.get(`/v1/review/${id}`)).status, 200);
  });
  await t.test('a thousand rows', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => `${i % 2 ? charged : parcel} number ${i}`);
    const { outputs } = await infer(server, 'plain', { inputs: [texts(...rows)], outputs: [{ name: 'label' }, { name: 'request_id' }] });
    assert.ok(outputs.label.every((label, i) => label === (i % 2 ? 'billing' : 'delivery')));
    assert.equal(new Set(outputs.request_id).size, 1000);
  });
  await t.test('statistics count rows', async () => {
    const total = async () => (await server.get('/v2/models/plain/stats')).json.model_stats[0];
    const before = await total();
    await infer(server, 'plain', { inputs: [texts(charged, parcel, charged)] });
    const after = await total();
    assert.equal(after.inference_count - before.inference_count, 3);
    assert.ok(Math.abs(after.last_inference - Date.now()) < 60_000);
    assert.ok((await server.get('/v2/models/stats')).json.model_stats.length >= 5);
    assert.equal((await server.get('/v2/models/tickets/versions/2/stats')).json.model_stats[0].version, '2');
  });
});

test('what is wrong, and what it gets', { timeout: 300_000 }, async (t) => {
  const server = await serve(t, { ...config(), server: { body_max: '64KiB' } }, { store: await storeWithModels(t) });
  const one = (tensor) => ({ inputs: [{ ...texts(charged), ...tensor }] });
  await t.test('shapes and types are named', async () => {
    await refused(server, 'plain', one({ shape: [2] }), 400, /"text" has 1 elements in its data; its shape \[2\] says 2/);
    await refused(server, 'plain', one({ datatype: 'FP32', data: [1] }), 400, /"text" has the datatype FP32; expected BYTES/);
    await refused(server, 'plain', one({ datatype: 'TEXT' }), 400, /unknown datatype "TEXT"/);
    await refused(server, 'plain', one({ data: [1] }), 400, /wrong type at data\[0\]/);
    await refused(server, 'plain', {}, 400, /"inputs" is missing/);
    await refused(server, 'plain', 'nothing', 400, /not valid/);
    await refused(server, 'plain', { ...one(), outputs: [{ name: 'lable' }] }, 400, /did you mean "label"/);
  });
  await t.test('a row that fails fails alone where its error is asked for', async () => {
    const body = { inputs: [texts(charged, '', parcel)] };
    await refused(server, 'plain', body, 400, /^Row 2 of 3: The text is empty/);
    const { outputs } = await infer(server, 'plain', { ...body, outputs: ['label', 'confidence', 'decision', 'error'].map((name) => ({ name })) });
    assert.deepEqual(outputs.label, ['billing', '', 'delivery']);
    assert.equal(outputs.confidence[1], -1);
    assert.deepEqual(outputs.decision, ['accepted', 'rejected', 'accepted']);
    assert.deepEqual(outputs.error.map((text) => text !== ''), [false, true, false]);
    await refused(server, 'plain', { inputs: [texts('', '')], outputs: [{ name: 'error' }] }, 400, /^Row 1 of 2/);
  });
  await t.test('binary data that lies about its lengths', async () => {
    const send = (head, bytes, length = Buffer.byteLength(head)) =>
      infer(server, 'plain', Buffer.concat([Buffer.from(head), Buffer.from(bytes)]), { headers: { 'inference-header-content-length': String(length), 'content-type': 'application/octet-stream' } });
    const tensor = (size) => `{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":${size}}}]}`;
    const good = await send(tensor(6), [2, 0, 0, 0, 104, 105]);
    assert.equal(good.status, 200, good.text);
    for (const [head, bytes, length, message] of [
      [tensor(6), [3, 0, 0, 0, 104, 105], undefined, /element 1 of 1/],
      [tensor(7), [2, 0, 0, 0, 104, 105], undefined, /only 6 are left/],
      [tensor(6), [2, 0, 0, 0, 104, 105, 106], undefined, /1 bytes behind/],
      [tensor(6), [2, 0, 0, 0, 104, 105], 4000, /says 4000 bytes/],
      [tensor(6), [2, 0, 0, 0, 104, 105], 'x', /expected a number/],
      [tensor(6), [2, 0, 0, 0, 104, 105], 20, /not valid/],
    ]) {
      const reply = await send(head, bytes, length);
      assert.equal(reply.status, 400, reply.text);
      assert.match(reply.json.error, message);
    }
    const bare = await infer(server, 'plain', charged, { headers: { 'inference-header-content-length': '0' } });
    assert.equal(bare.headers['content-type'], 'application/octet-stream');
    const length = Number(bare.headers['inference-header-content-length']);
    assert.deepEqual(JSON.parse(bare.body.subarray(0, length)).outputs[0], { name: 'label', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 11 } });
    assert.equal(bare.body.subarray(length + 4, length + 11).toString(), 'billing');
  });
  await t.test('paths and methods', async () => {
    const error = async (method, target, status, message, options) => {
      const reply = await server.request(method, target, options);
      assert.equal(reply.status, status, reply.text);
      assert.match(reply.json.error, message);
    };
    await error('GET', '/v2/models/nothing', 404, /no endpoint "nothing"/);
    await error('GET', '/v2/models/plain/versions/1', 404, /no version "1"/);
    await error('GET', '/v2/models/plain/infer', 405, /POST is/);
    await error('GET', '/v2/models/plain/versions', 404, /nothing at/);
    await error('POST', '/v2/nowhere', 404, /nothing at/, { body: '' });
    await error('POST', '/v2/repository/index', 400, /expected true or false/, { body: { ready: 1 } });
    await error('POST', '/v2/models/plain/infer', 413, /./, { body: 'x'.repeat(70_000) });
    assert.equal((await server.get('/v2/')).status, 404);
    assert.deepEqual((await server.get('/v2/models/plain/ready')).json, { name: 'plain', ready: true });
    const index = await server.request('POST', '/v2/repository/index', { body: { ready: true } });
    assert.ok(index.json.every(({ state }) => state === 'READY'));
  });
  await t.test('a client that leaves in the middle', async () => {
    const body = JSON.stringify({ inputs: [texts(...Array.from({ length: 1000 }, (_, i) => `${charged} ${i}`))] });
    for (const wait of [0, 1, 3, 10, 30]) {
      const call = server.http.request({ host: '127.0.0.1', port: server.port, method: 'POST', path: '/v2/models/plain/infer', agent: server.newAgent({}) });
      const gone = new Promise((done) => call.on('close', done).on('error', () => {}));
      call.end(body, () => setTimeout(() => call.destroy(), wait));
      await gone;
    }
    await server.healthy();
  });
});

test('what others than the model say', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const dir = folder(t);
  const rules = path.join(dir, 'classify.lua');
  fs.writeFileSync(rules, `function classify(r) if r.text:find("charged", 1, true) then return "refund", 0.9 end return nil end`);
  const { artefact } = JSON.parse((await command(['models', 'show', 'tickets@2', '--json', '--store', store])).stdout);
  const blob = path.join(store, 'blobs', artefact.slice(0, 2), artefact.slice(2));
  fs.chmodSync(blob, 0o600);
  fs.appendFileSync(blob, 'x');
  const server = await serve(
    t,
    {
      parser: { workers: 1 },
      endpoints: {
        ruled: { accepts: 'text', rollout: [{ model: 'tickets@2' }], fallbacks: [{ rules }, { review: true }] },
        papers: { accepts: ['text', 'file'], rollout: [{ model: 'tickets@1' }], accept_threshold: 0, deadline: '30s' },
        hurried: { accepts: 'text', rollout: [{ model: 'tickets@1' }], accept_threshold: 0, cache: false, deadline: '5ms', infer_timeout: '5ms' },
      },
    },
    { store, dir },
  );
  await t.test('rules and people are rows like others', async () => {
    const outputs = ['label', 'confidence', 'decision', 'model', 'classes', 'review_id'].map((name) => ({ name }));
    const reply = await infer(server, 'ruled', { inputs: [texts(charged, parcel)], outputs });
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(reply.outputs.label, ['refund', '']);
    assert.ok(Math.abs(reply.outputs.confidence[0] - 0.9) < 1e-6);
    assert.equal(reply.outputs.confidence[1], -1);
    assert.deepEqual(reply.outputs.decision, ['fallback', 'review']);
    assert.deepEqual(reply.outputs.model, ['', '']);
    assert.deepEqual(reply.outputs.classes, ['refund', '']);
    assert.equal(reply.json.model_version, '');
    assert.equal((await server.get(`/v1/review/${reply.outputs.review_id[1]}`)).status, 200);
    const classes = await infer(server, 'ruled', { inputs: [texts(charged)], outputs: [{ name: 'probabilities', parameters: { classification: 3 } }] });
    assert.deepEqual(classes.outputs.probabilities, ['0.9:-1:refund'], 'a class that the model does not know has no place among its own');
  });
  await t.test('a version that is altered is not ready, and says why', async () => {
    const ready = await server.get('/v2/models/ruled/ready');
    assert.equal(ready.status, 503);
    assert.match(ready.json.error, /tickets@2 is not loaded: /);
    const index = (await server.request('POST', '/v2/repository/index')).json;
    const state = (name, version) => index.find((entry) => entry.name === name && entry.version === version);
    assert.deepEqual(state('papers', '1'), { name: 'papers', version: '1', state: 'READY', reason: '' });
    assert.equal(state('ruled', '2').state, 'UNAVAILABLE');
    assert.notEqual(state('tickets', '2').reason, '');
  });
  await t.test('files as bytes', async () => {
    const bytes = pdf([charged, 'the invoice shows the wrong amount']);
    const head = Buffer.from(
      JSON.stringify({ inputs: [{ name: 'file', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: bytes.length + 8 + 5 } }], outputs: [{ name: 'label' }, { name: 'error' }] }),
    );
    const length = (n) => Buffer.from(Uint32Array.of(n).buffer);
    const body = Buffer.concat([head, length(bytes.length), bytes, length(5), Buffer.from('%PDF-')]);
    const reply = await infer(server, 'papers', body, { headers: { 'inference-header-content-length': String(head.length) } });
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(reply.outputs.label, ['billing', '']);
    assert.match(reply.outputs.error[1], /PDF/);
    const { inputs } = (await server.get('/v2/models/papers')).json;
    assert.deepEqual(inputs.map(({ name }) => name), ['text'], 'the first that it takes');
  });
  await t.test('the deadline holds for all rows together', async () => {
    const rows = { inputs: [texts(...Array.from({ length: 1000 }, (_, i) => `${charged} ${'and again '.repeat(200)} ${i}`))] };
    await refused(server, 'hurried', rows, 504, /^Row \d+ of 1000: .*deadline of 5 ms/);
  });
  await t.test('what was begun before the server shuts down is finished', async (t) => {
    const other = await serve(t, { endpoints: { papers: { accepts: 'text', rollout: [{ model: 'tickets@1' }], accept_threshold: 0 } } }, { store });
    const body = Buffer.from(JSON.stringify({ inputs: [texts(...Array(100).fill(charged))], outputs: [{ name: 'decision' }] }));
    const call = other.http.request({ host: '127.0.0.1', port: other.port, method: 'POST', path: '/v2/models/papers/infer', headers: { 'content-length': body.length, expect: '100-continue' } });
    const continued = new Promise((done) => call.on('continue', done));
    const answered = new Promise((done, failed) => call.on('response', done).on('error', failed));
    call.flushHeaders();
    await continued; // its head is let in
    other.terminate();
    await other.logged('server.draining');
    call.end(body);
    const reply = await answered;
    let text = '';
    for await (const chunk of reply) text += chunk;
    assert.equal(reply.statusCode, 200, text);
    assert.equal(JSON.parse(text).outputs[0].data.length, 100);
  });
});

test('keys and rates', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const key = await createKey(store, 'scorer', 'client', '--rate', '0.01', '--burst', '4');
  const server = await serve(t, { ...config(), auth: { required: true } }, { store });
  for (const path of ['/v2', '/v2/models/plain', '/v2/models/nothing', '/v2/models/stats']) {
    const reply = await server.get(path);
    assert.equal(reply.status, 401, reply.text);
    assert.match(reply.json.error, /No API key/);
  }
  for (const path of ['/v2/health/live', '/v2/health/ready']) assert.equal((await server.get(path)).status, 200);
  await refused(server, 'plain', { inputs: [texts(charged)] }, 401, /No API key/);
  await refused(server, 'nothing', { inputs: [texts(charged)] }, 401, /No API key/);
  await refused(server, 'plain', { inputs: [texts(...Array(5).fill(charged))] }, 400, /5 rows.*may send 4 at once/, { key });
  const good = await infer(server, 'plain', { inputs: [texts(charged, parcel)] }, { key });
  assert.equal(good.status, 200, good.text);
  assert.equal(good.headers['x-ratelimit-remaining-requests'], '1', 'one was spent on the batch that was too large, two on these rows');
  const over = await infer(server, 'plain', { inputs: [texts(charged, parcel)] }, { key });
  assert.equal(over.status, 429, over.text);
  assert.ok(over.headers['retry-after']);
  assert.match(over.json.error, /over its rate/);
});

test('features', { timeout: 300_000 }, async (t) => {
  const store = folder(t);
  await train(store, 'payments', table(), '--folds', '2');
  const server = await serve(t, { endpoints: { payments: { accepts: 'features', rollout: [{ model: 'payments' }], accept_threshold: 0 } } }, { store });
  const { inputs, platform } = (await server.get('/v2/models/payments')).json;
  assert.equal(platform, 'penstock_linear');
  assert.deepEqual([...new Set(inputs.map(({ datatype }) => datatype))].sort(), ['BYTES', 'FP64']);
  const [header, ...rows] = table();
  const label = header.at(-1);
  const columns = header.slice(0, -1).map((name) => inputs.find((input) => input.name === name));
  const some = rows.slice(0, 3);
  const tensors = columns.map(({ name, datatype }, i) => ({ name, shape: [3, 1], datatype, data: some.map((row) => (datatype === 'FP64' ? Number(row[i]) : row[i])) }));
  const { outputs } = await infer(server, 'payments', { inputs: tensors });
  for (const [i, row] of some.entries()) {
    const features = Object.fromEntries(columns.map(({ name, datatype }, k) => [name, datatype === 'FP64' ? Number(row[k]) : row[k]]));
    const same = await server.answer('payments', { features });
    assert.deepEqual([outputs.label[i], Math.abs(outputs.confidence[i] - same.confidence) < 1e-4], [same.prediction, true], label);
  }
  await refused(server, 'payments', { inputs: tensors.map((tensor, i) => (i ? tensor : { ...tensor, name: 'nonsense' })) }, 400, /Row 1 of 3: There is no feature "nonsense"/);
  await refused(server, 'payments', { inputs: tensors.map((tensor, i) => (i ? tensor : { ...tensor, shape: [2, 1], data: tensor.data.slice(1) })) }, 400, /has 3 rows, "\w+" has 2/);
});

test('a model in an ONNX file, by its own tensors', { timeout: 300_000 }, async (t) => {
  const program = path.join(build, 'tests/unit/models/onnx-models');
  if (!fs.existsSync(program)) return t.skip(`${program} is not built`);
  const dir = folder(t);
  const store = folder(t);
  await command([dir], { program });
  const features = ['left', 'right', 'more'].flatMap((name) => ['--feature', name]);
  const added = await command(['models', 'add', 'sides', '--store', store, '--onnx', `${dir}/classifier.onnx`, '--label', 'left', '--label', 'right', ...features], { code: null });
  if (/ONNX Runtime/.test(added.stderr)) return t.skip('ONNX Runtime is not there: scripts/packages onnx');
  assert.equal(added.code, 0, added.stderr);
  const server = await serve(t, { endpoints: { turns: { accepts: 'features', rollout: [{ model: 'sides' }], accept_threshold: 0, cache: false } } }, { store });
  const model = (await server.get('/v2/models/turns')).json;
  assert.equal(model.platform, 'onnxruntime_onnx');
  const [{ name, shape }] = model.inputs;
  assert.deepEqual(shape, [-1, 3]);
  const data = Array.from({ length: 100 }, (_, i) => [i % 2, 1 - (i % 2), 0]);
  const { outputs } = await infer(server, 'turns', { inputs: [{ name, shape: [100, 3], datatype: 'FP32', data }] });
  assert.ok(outputs.label.every((label, i) => label === (i % 2 ? 'left' : 'right')));
  const same = await server.answer('turns', { features: { left: 1, right: 0, more: 0 } });
  assert.ok(Math.abs(outputs.confidence[1] - same.confidence) < 1e-4);
  await refused(server, 'turns', { inputs: [{ name, shape: [1, 2], datatype: 'FP32', data: [1, 2] }] }, 400, /has the shape \[1, 2\]; expected \[rows, 3\]/);
  if (!judge) return;
  const [reply] = await ask(server, { call: 'infer', model: 'sides', version: '1', inputs: [{ name, shape: [2, 3], datatype: 'FP32', data: [[2, 0, 0], [0, 2, 0]] }] });
  assert.deepEqual(reply.outputs.label, ['left', 'right'], JSON.stringify(reply));
});
