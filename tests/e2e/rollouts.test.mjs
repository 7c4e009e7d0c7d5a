// penstock deploy, rollouts, rollback, promote, history and at: rollouts on a running server, by models of the registry
// and by language models of a scripted upstream.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { start } from './chats.mjs';
import { asked, chat, keepAsking, operator, override } from './operator.mjs';
import { command, createKey, folder, serve, sleep, storeWithModels, train, until } from './penstock.mjs';
import { dice, texts } from './samples.mjs';

test('a candidate that fails is rolled back by itself', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok') }, upstreamMore: { retry: { attempts: 1 } } });
  const admin = operator(server);
  const said = await admin.deploy('shop', 'main/error500', '--steps', '30', '--pause', '1s', '--least', '30');
  assert.match(said.stdout, /main\/error500 takes over from main\/ok at endpoint "shop", now with 30 % of the requests/);
  const seen = await keepAsking(() => asked(ask, 'shop'), async () => (await admin.newest('shop')).state !== 'running');
  assert.ok(seen.includes('main/ok') && seen.some((one) => one !== 'main/ok'), 'both were asked');
  const ended = await admin.newest('shop');
  assert.equal(ended.state, 'rolled back');
  assert.match(ended.outcome, /^errors: so in 100\.00 % of its cases against 0\.00 %/);
  await server.logged('rollout.rolled_back', (line) => /errors/.test(line.message));
  await until('the stable one alone', async () => (await admin.at('shop')).models.length === 1);
  for (let i = 0; i < 40; i++) assert.equal(await asked(ask, 'shop'), 'main/ok');
  const whats = (await admin.history('shop')).map(({ what, who }) => `${what} ${who}`);
  for (const what of ['rollout.gate_overridden ada', 'rollout.started ada', 'rollout.rolled_back penstock', 'serving penstock']) assert.ok(whats.includes(what), `${what} in ${whats}`);
});

test('a candidate as good is promoted, step by step, and callers stay where they were', { timeout: 360_000 }, async (t) => {
  const store = await storeWithModels(t);
  assert.equal(await train(store, 'tickets', texts(120, 7), '--folds', '2'), 'tickets@3'); // from what tickets@1 has learned
  const endpoints = { tickets: { accepts: ['text'], rollout: [{ model: 'tickets@1' }], sticky: 'user', cache: false } };
  const server = await serve(t, { store: { path: store }, auth: { required: false }, limits: { rate: 100000 }, endpoints });
  const admin = operator(server);
  const inputs = texts(400, 5).map(([text]) => text);
  await admin.deploy('tickets', 'tickets@3', '--steps', '20,50', '--pause', '1s', '--least', '100', '--limit', '230s');
  const moved = new Map(), roll = dice(9); // a text has nothing to do with who sends it, or one side would get other texts
  const one = async () => {
    const person = `user-${roll(5000)}`;
    const { model } = await server.answer('tickets', { text: inputs[roll(inputs.length)], user: person });
    if (moved.get(person) === 'tickets@3') assert.equal(model, 'tickets@3', `${person} went back`);
    moved.set(person, model);
    return model;
  };
  const seen = await keepAsking(one, async () => (await admin.newest('tickets')).state !== 'running', 16);
  const { state, outcome } = await admin.newest('tickets');
  assert.equal(state, 'promoted', outcome);
  assert.deepEqual([...new Set(seen)].sort(), ['tickets@1', 'tickets@3']);
  const whats = (await admin.history('tickets')).map(({ what }) => what).filter((what) => what !== 'serving');
  const aliases = [['alias.removed', 'alias.set'], ['alias.set', 'alias.set']]; // in the transactions that end and begin it
  assert.deepEqual(whats, [...aliases[0], 'rollout.promoted', 'rollout.step', ...aliases[1], 'rollout.started', 'rollout.gate_overridden']);
  await until('one version', async () => (await admin.at('tickets')).models.length === 1);
  assert.equal((await server.answer('tickets', { text: inputs[0] })).model, 'tickets@3');
});

test('back by hand, at once and without a failed request', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok') } });
  const admin = operator(server);
  const seen = new Set();
  let last, ended;
  const watch = async () => {
    const model = await asked(ask, 'shop');
    if (model === 'main/late1') last = Date.now();
    return model;
  };
  const back = async () => {
    if (ended) return Date.now() > ended + 1000;
    if (!last) return false;
    await sleep(500);
    await admin.run(0, 'rollback', 'shop', '--why', 'a hunch', '--by', 'ada');
    ended = Date.now();
    return false;
  };
  // A machine that is busy with other things may be late once, and not each time.
  for (let round = 0; round === 0 || last - ended >= 500; round++) {
    assert.ok(round < 5, 'within twice 50 ms, with time for a sanitizer');
    last = ended = undefined;
    await admin.deploy('shop', 'main/late1', '--kind', 'canary', '--steps', '50', '--pause', '1h', '--limit', '2h');
    for (const model of await keepAsking(watch, back)) seen.add(model);
    t.diagnostic(`the last answer of the candidate came ${last - ended} ms after the command had ended`);
  }
  assert.deepEqual([...seen].sort(), ['main/late1', 'main/ok']);
  const { state, outcome } = await admin.newest('shop');
  assert.deepEqual([state, outcome], ['rolled back', 'ada decided it: a hunch']);
  assert.match((await admin.run(1, 'rollback', 'shop')).stderr, /is rolled back already/);
});

test('promoted by hand, back again, and what served then', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok') } });
  const admin = operator(server);
  const serves = (model) => until(model, async () => (await asked(ask, 'shop')) === model && (await admin.at('shop')).models[0].model === model);
  await serves('main/ok');
  const before = new Date().toISOString();
  await sleep(1100); // "at" means all of a second
  await admin.deploy('shop', 'main/late1', '--kind', 'blue-green');
  assert.match((await admin.run(2, 'promote', 'shop')).stderr, /--why/);
  await admin.run(0, 'promote', 'shop', '--why', 'it is known to be good');
  await serves('main/late1');
  assert.deepEqual((await admin.at('shop')).models, [{ model: 'main/late1', weight: 1 }]);
  await admin.run(0, 'rollback', 'shop');
  await serves('main/ok');
  assert.deepEqual((await admin.at('shop', before)).models, [{ model: 'main/ok', weight: 1 }]);
  assert.match((await admin.run(1, 'at', '2020-01-01T00:00:00Z', 'shop')).stderr, /nothing is known/);
  assert.match((await admin.run(2, 'at', 'yesterday', 'shop')).stderr, /2026-11-20T13:05:00Z/);
});

test('two at once: one wins, the other is told', { timeout: 300_000 }, async (t) => {
  const { server } = await start(t, { more: { shop: chat('ok') } });
  const admin = operator(server);
  const both = await Promise.all(['main/late1', 'main/late2'].map((model) => admin.run(null, 'deploy', 'shop', model, ...override)));
  assert.deepEqual(both.map(({ code }) => code).sort(), [0, 1]);
  assert.match(both.find(({ code }) => code === 1).stderr, /has a rollout already/);
});

test('wrong words', { timeout: 300_000 }, async (t) => {
  const two = [{ upstream: 'main', model: 'ok', weight: '50%' }, { upstream: 'main', model: 'late1', weight: '50%' }];
  const { server } = await start(t, { more: { shop: chat('ok'), shared: { kind: 'chat', rollout: two }, cheap: chat('ok', { route: 'cost' }) } });
  const { run } = operator(server);
  for (const [args, code, said] of [
    [['deploy', 'shop'], 2, /expected ENDPOINT and REFERENCE/],
    [['deploy', 'shp', 'main/ok'], 1, /did you mean "shop"/],
    [['deploy', 'shop', 'main/ok'], 1, /serves endpoint "shop" already/],
    [['deploy', 'shop', 'man/ok'], 1, /no upstream "man"/],
    [['deploy', 'shop', 'tickets@1'], 2, /takes UPSTREAM\/MODEL/],
    [['deploy', 'shared', 'main/late2'], 1, /shared by 2 models/],
    [['deploy', 'cheap', 'main/late2'], 1, /not routed by weight/],
    [['deploy', 'shop', 'main/late1'], 1, /no passing evaluation for endpoint "shop"/],
    [['deploy', 'shop', 'main/late1', '--override', 'x'], 2, /--by NAME/],
    [['deploy', 'shop', 'main/late1', '--steps', '50,20'], 2, /growing percentages/],
    [['deploy', 'shop', 'main/late1', '--kind', 'big-bang'], 2, /canary, ab, blue-green or shadow/],
    [['deploy', 'shop', 'main/late1', '--pause', '10'], 2, /duration/],
    [['rollback', 'shop'], 1, /never had a rollout/],
    [['rollouts', 'lost'], 2, /expected list, show or stop/],
  ])
    assert.match((await run(code, ...args)).stderr, said);
});

test('the gate: an evaluation that passes, and one that does not', { timeout: 480_000 }, async (t) => {
  const store = await storeWithModels(t);
  const server = await serve(t, { store: { path: store }, auth: { required: false }, endpoints: { tickets: { accepts: ['text'], rollout: [{ model: 'tickets@1' }] } } });
  const admin = operator(server);
  const dir = folder(t), write = (name, rows, minimum) => {
    fs.writeFileSync(path.join(dir, `${name}.csv`), [['text', 'label'], ...rows].map((cells) => cells.map((cell) => `"${cell}"`).join(',') + '\n').join(''));
    fs.writeFileSync(path.join(dir, `${name}.yaml`), JSON.stringify({ name, endpoint: 'tickets', data: `${name}.csv`, tests: [], minimum }));
    return path.join(dir, `${name}.yaml`);
  };
  const rows = texts(300, 21).filter(([text]) => text !== 'text');
  assert.match((await admin.run(1, 'deploy', 'tickets', 'tickets@2')).stderr, /no passing evaluation/);
  await command(['eval', write('good', rows, 0.5), '--model', 'tickets@2', '--store', store]);
  assert.match((await admin.run(0, 'deploy', 'tickets', 'tickets@2')).stdout, /tickets@2 takes over from tickets@1/);
  await admin.run(0, 'rollback', 'tickets');
  await command(['eval', write('good', rows.map(([text]) => [text, 'nobody']), 0.5), '--model', 'tickets@2', '--store', store], { code: 1 });
  assert.match((await admin.run(1, 'deploy', 'tickets', 'tickets@2')).stderr, /no passing evaluation/);
});

test('kill -9 in the middle: the rollout goes on where it was', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok') } });
  const admin = operator(server);
  await admin.deploy('shop', 'main/late1', '--steps', '30,60', '--pause', '1s', '--least', '1000000', '--limit', '1h');
  const counts = async () => (await admin.newest('shop')).outcome;
  await keepAsking(() => asked(ask, 'shop'), async () => /requests/.test(await counts()), 4);
  const models = new Set();
  await server.kill();
  const before = await admin.newest('shop');
  const again = await serve(t, JSON.parse(fs.readFileSync(server.configPath, 'utf8')), { dir: server.folder });
  for (let i = 0; i < 60; i++) models.add((await again.request('POST', '/v1/chat/completions', { body: { model: 'shop', messages: [{ role: 'user', content: 'Hello?' }] }, check: false })).headers['x-penstock-model']);
  assert.deepEqual([...models].sort(), ['main/late1', 'main/ok']);
  const after = await admin.newest('shop');
  assert.deepEqual([after.id, after.state, after.step, after.weight], [before.id, 'running', before.step, before.weight]);
});

test('feedback: what became of an answer, and what it says of a candidate', { timeout: 360_000 }, async (t) => {
  const store = await storeWithModels(t);
  assert.equal(await train(store, 'tickets', texts(120, 7), '--folds', '2'), 'tickets@3');
  const [ada, bob, judge] = await Promise.all([createKey(store, 'ada'), createKey(store, 'bob'), createKey(store, 'judge', 'reviewer')]);
  const endpoints = { tickets: { accepts: ['text'], rollout: [{ model: 'tickets@1' }], sticky: 'none', cache: false } };
  const server = await serve(t, { store: { path: store }, auth: { required: true }, limits: { rate: 100000 }, endpoints }, { store });
  const admin = operator(server);
  const predict = (text) => server.answer('tickets', { text }, { key: ada });
  const tell = (body, key = ada) => server.request('POST', '/v1/feedback', { body, key });
  const told = (body, key) => until('the record', async () => {
    const reply = await tell(body, key);
    return reply.status !== 404 && reply;
  });
  const [text] = texts(1, 5)[0], { request_id, prediction } = await predict(text);
  const kept = await told({ request_id, label: prediction, score: 0.75 });
  assert.deepEqual(kept.json, { request_id, endpoint: 'tickets', model: 'tickets@1', label: prediction, correct: true, score: 0.75 });
  assert.equal((await tell({ request_id, label: prediction, score: 0.75 })).status, 200);
  assert.equal((await tell({ request_id, label: 'else' })).status, 409);
  assert.equal((await tell({ request_id, label: 'else' }, bob)).status, 404, 'another client');
  assert.equal((await tell({ request_id: 'nobody-sent-this', label: 'else' }, judge)).json.error.code, 'not_found');
  assert.equal((await tell({ request_id, label: 'else' }, judge)).json.correct, false, 'a reviewer');
  for (const [body, param] of [[{}, 'request_id'], [{ request_id }, 'label'], [{ request_id, label: 7 }, 'label'], [{ request_id, correct: 1 }, 'correct'], [{ request_id, score: 2 }, 'score'], [{ request_id, score: '1' }, 'score'], [[], 'request_id']]) {
    const reply = await tell(body);
    assert.deepEqual([reply.status, reply.json.error.param], [400, param], reply.text);
  }
  assert.equal((await tell('{"request_id": ')).status, 400);
  // Half of the candidate's answers were wrong, as it turns out.
  await admin.deploy('tickets', 'tickets@3', '--steps', '50', '--pause', '1s', '--least', '60', '--limit', '1h');
  const one = async (i) => {
    const { model, request_id } = await predict(texts(400, 5)[i % 400][0]);
    await told({ request_id, correct: model === 'tickets@1' || i % 2 === 0 });
  };
  await keepAsking(one, async () => (await admin.newest('tickets')).state !== 'running');
  const ended = await admin.newest('tickets');
  assert.equal(ended.state, 'rolled back');
  assert.match(ended.outcome, /^accuracy/);
  const made = JSON.parse((await admin.run(0, 'history', 'list', '--json')).stdout).filter(({ endpoint }) => !endpoint);
  for (const wanted of ['version.added tickets@3', 'dataset.added tickets'])
    assert.ok(made.some(({ what, after }) => `${what} ${after.object}`.startsWith(wanted)), wanted);
  assert.ok(made.some(({ what, after, who }) => what === 'key.created' && /\(reviewer "judge"\)/.test(after.object) && who !== 'penstock'));
  assert.ok(!JSON.stringify(made).includes(ada), 'no secret');
});

test('the configuration has the last word', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok') } });
  const admin = operator(server);
  await admin.deploy('shop', 'main/late1', '--kind', 'blue-green');
  await admin.run(0, 'promote', 'shop', '--why', 'good');
  await until('the candidate', async () => (await asked(ask, 'shop')) === 'main/late1');
  const config = JSON.parse(fs.readFileSync(server.configPath, 'utf8'));
  config.endpoints.shop.rollout[0].model = 'late2';
  await server.reload(config);
  assert.equal(await asked(ask, 'shop'), 'main/late2');
  await admin.deploy('shop', 'main/ok', '--pause', '1h', '--limit', '2h');
  config.endpoints.shop.rollout[0].model = 'late3';
  await server.reload(config);
  await until('its end', async () => (await admin.newest('shop')).state === 'rolled back');
  assert.match((await admin.newest('shop')).outcome, /has the last word/);
  assert.equal(await asked(ask, 'shop'), 'main/late3');
});
