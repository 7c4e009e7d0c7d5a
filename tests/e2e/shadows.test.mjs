// penstock deploy --kind shadow: a candidate that is asked what others were asked, and answers nobody.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { start } from './chats.mjs';
import { asked, chat, keepAsking, operator, wordsServer } from './operator.mjs';
import { serve, sleep, until } from './penstock.mjs';

const once = { upstreamMore: { retry: { attempts: 1 } } };
const shadow = ['--kind', 'shadow', '--per-day', 'none'];
const soon = ['--pause', '2s', '--limit', '230s', '--least', '40'];

test('a version as good: what it would have said, and nobody sees it', { timeout: 300_000 }, async (t) => {
  const { ask, admin } = await wordsServer(t, ["return r.text:find('odd') and 'odd' or 'even', 0.9"]);
  const said = await admin.run(0, 'deploy', 'words', 'words@2', '--kind', 'shadow', ...soon); // without an evaluation
  assert.match(said.stdout, /words@2 is asked what words@1 is asked at endpoint "words", of 100 % of the requests, and answers nobody/);
  const seen = await keepAsking(async (i) => (await ask(i)).model, async () => (await admin.newest('words')).state !== 'running', 4);
  assert.deepEqual([...new Set(seen)], ['words@1']);
  const { state, outcome, evidence, answers, mirror } = await admin.show('words');
  assert.ok(['as good', 'better'].includes(state), `${state}: ${outcome}`);
  assert.match(outcome, /^would have agreed on 100\.00 % of \d+; /);
  assert.equal(mirror, 1);
  assert.equal(evidence.candidate.agreement, 1);
  assert.equal(evidence.candidate.requests, evidence.stable.requests);
  assert.ok(evidence.candidate.requests >= 40);
  assert.ok(answers[0].label && answers[0].confidence > 0 && answers[0].same && !answers[0].error && answers[0].request_id);
  assert.deepEqual((await admin.at('words')).models, [{ model: 'words@1', weight: 1 }]);
  const whats = (await admin.history('words')).map(({ what }) => what).filter((what) => what !== 'serving');
  assert.deepEqual(whats, ['alias.removed', state === 'better' ? 'rollout.better' : 'rollout.as_good', 'alias.set', 'alias.set', 'rollout.started']);
});

test('a version that says other things: labels tell of both, and what disagrees is worse', { timeout: 300_000 }, async (t) => {
  const { server, ask, admin } = await wordsServer(t, ["return 'even', 0.9"]);
  const slow = ['--pause', '60s', '--limit', '280s'];
  await admin.run(0, 'deploy', 'words', 'words@2', '--kind', 'shadow', '--least', '1000000', ...slow);
  const one = async (i) => {
    const { request_id, prediction } = await ask(i);
    await until('the record', async () => (await server.request('POST', '/v1/feedback', { body: { request_id, label: prediction }, check: false })).status === 200);
  };
  await keepAsking(one, async () => (await admin.show('words')).evidence.candidate.labels > 20, 4);
  const { evidence } = await admin.show('words');
  assert.equal(evidence.stable.accuracy, 1, 'as it was told');
  assert.ok(evidence.candidate.accuracy > 0.2 && evidence.candidate.accuracy < 0.8, `${evidence.candidate.accuracy}`);
  assert.equal(evidence.candidate.labels, evidence.stable.labels);
  assert.match((await admin.run(0, 'rollouts', 'stop', 'words', '--why', 'seen enough', '--by', 'ada')).stdout, /words@2 is asked nothing more/);
  const stopped = await admin.newest('words');
  assert.deepEqual([stopped.state, stopped.outcome], ['stopped', 'ada stopped it: seen enough']);
  await admin.run(0, 'deploy', 'words', 'words@2', '--kind', 'shadow', '--least', '40', ...slow);
  const seen = await keepAsking(async (i) => (await ask(i + 1e6)).model, async () => (await admin.newest('words')).state !== 'running', 4);
  assert.deepEqual([...new Set(seen)], ['words@1']);
  const { state, outcome } = await admin.newest('words');
  assert.equal(state, 'worse');
  assert.match(outcome, /^would have agreed on \d\d\.\d\d % of \d+; disagreement: so in/);
});

test('a language model that fails: worse, without a trace for clients and for its upstream', { timeout: 300_000 }, async (t) => {
  const { up, server, ask } = await start(t, { more: { shop: chat('ok') }, upstreamMore: { retry: { attempts: 1 }, breaker: { minimum: 5, errors: '20%' } } });
  const admin = operator(server);
  await admin.run(0, 'deploy', 'shop', 'main/error500', ...shadow, ...soon);
  const seen = await keepAsking(() => asked(ask, 'shop'), async () => (await admin.newest('shop')).state !== 'running', 4);
  assert.deepEqual([...new Set(seen)], ['main/ok'], 'the breaker of the upstream that both have stayed closed');
  const { state, outcome, answers } = await admin.show('shop');
  assert.equal(state, 'worse');
  assert.match(outcome, /errors: so in 100\.00 % of its cases against 0\.00 %/);
  assert.equal(answers[0].error, 'server');
  await server.logged('rollout.worse', (line) => /as a shadow of main\/ok/.test(line.message));
  await until('nothing to be mirrored any more', async () => {
    const before = up.asked.length;
    await asked(ask, 'shop');
    await sleep(200);
    return up.asked.length === before + 1;
  });
});

test('streams, and a budget of calls', { timeout: 300_000 }, async (t) => {
  const { up, server, ask, post } = await start(t, { more: { shop: chat('ok'), talk: chat('ok') }, upstreamMore: { retry: { attempts: 1 }, first_byte_timeout: '60s' } });
  const admin = operator(server);
  const slow = ['--pause', '60s', '--limit', '280s'];
  await admin.run(0, 'deploy', 'shop', 'main/hang', ...shadow, '--at-once', '2', ...slow);
  await admin.run(0, 'deploy', 'talk', 'main/late400', ...shadow, ...slow);
  const mirrored = (model) => up.asked.filter(({ body }) => body.model === model).length;
  await until('the first', async () => (await asked(ask, 'shop'), mirrored('hang') > 0));
  for (let i = 0; i < 10; i++) assert.equal(await asked(ask, 'shop'), 'main/ok');
  await until('a second one', () => mirrored('hang') >= 2);
  await sleep(100);
  assert.equal(mirrored('hang'), 2, 'two under way, the others were not mirrored');
  const { text: metrics } = await server.get('/metrics');
  assert.match(metrics, /penstock_shadow_requests_total\{endpoint="shop",outcome="mirrored"\} 2/);
  assert.match(metrics, /penstock_shadow_requests_total\{endpoint="shop",outcome="busy"\} [1-9]/);
  await until('a stream counted', async () => {
    const streamed = await post('/v1/chat/completions', { model: 'talk', stream: true, messages: [{ role: 'user', content: 'Hello?' }] });
    assert.match(streamed.text, /\[DONE\]/);
    await sleep(500); // the candidate takes its time; nothing is counted before the rollout's first second
    return (await admin.show('talk')).evidence.candidate.requests > 0;
  });
  const { evidence } = await admin.show('talk');
  assert.deepEqual([evidence.candidate.same_words, evidence.candidate.errors, evidence.stable.errors], [1, 0, 0]);
  assert.ok(evidence.candidate.latency_p50_ms > 350, `its own time, not the reply's: ${JSON.stringify(evidence)}`);
  await server.stop(); // with two under way
});

test('kill -9 in the middle of a shadow: it goes on with what it has', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, { more: { shop: chat('ok') }, ...once });
  const admin = operator(server);
  await admin.run(0, 'deploy', 'shop', 'main/late1', ...shadow, '--pause', '1s', '--least', '1000000', '--limit', '1h');
  await keepAsking(() => asked(ask, 'shop'), async () => (await admin.show('shop')).evidence.candidate.requests > 50, 4);
  await server.kill();
  const before = await admin.show('shop');
  const again = await serve(t, JSON.parse(fs.readFileSync(server.configPath, 'utf8')), { dir: server.folder });
  const hello = () => again.request('POST', '/v1/chat/completions', { body: { model: 'shop', messages: [{ role: 'user', content: 'Hello?' }] } });
  assert.equal((await hello()).headers['x-penstock-model'], 'main/ok');
  await until('more evidence', async () => (await hello(), (await admin.show('shop')).evidence.candidate.requests > before.evidence.candidate.requests));
  const after = await admin.show('shop');
  assert.deepEqual([after.id, after.state], [before.id, 'running']);
});

test('wrong words', { timeout: 300_000 }, async (t) => {
  const { server } = await start(t, { more: { shop: chat('ok') } });
  const { run } = operator(server);
  for (const [args, code, said] of [
    [['deploy', 'shop', 'main/late1', '--kind', 'shadow'], 1, /price of "late1" is not known.*say none for per-day/],
    [['deploy', 'shop', 'main/late1', ...shadow, '--steps', '5'], 2, /has no steps/],
    [['deploy', 'shop', 'main/late1', ...shadow, '--mirror', '0%'], 2, /mirror is "0%"/],
    [['deploy', 'shop', 'main/late1', ...shadow, '--at-once', '0'], 2, /from 1 to 1000/],
    [['deploy', 'shop', 'main/late1', ...shadow, '--per-day', '-3'], 2, /expected dollars/],
    [['deploy', 'shop', 'main/late1', '--mirror', '10%'], 2, /for .*shadow only/],
    [['rollouts', 'stop', 'shop'], 1, /no running shadow/],
    [['rollouts', 'show', 'nothing'], 1, /no rollout and no endpoint/],
    [['rollouts', 'show'], 2, /needs an ENDPOINT/],
  ])
    assert.match((await run(code, ...args)).stderr, said);
  await run(0, 'deploy', 'shop', 'main/late1', ...shadow);
  assert.match((await run(1, 'deploy', 'shop', 'main/late2', '--override', 'x', '--by', 'ada')).stderr, /has a rollout already: the shadow .* "penstock rollouts stop shop"/);
});
