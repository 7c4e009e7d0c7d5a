// Who answers a chat: a Lua rule over the request (`route: rule`), and what rules say where no model can (`rules` as a step).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { recordOf, start, user } from './chats.mjs';
import { command, createKey, folder, serve, until } from './penstock.mjs';
import { sentence, upstream } from './upstream.mjs';

const models = (...list) => list.map((model) => ({ upstream: 'main', model }));
const script = (dir, name, text) => {
  const file = path.join(dir, name);
  fs.writeFileSync(file, text);
  return file;
};
const counted = async (server, line) => Number(new RegExp(`^${line} (\\d+)$`, 'm').exec((await server.get('/metrics')).text)?.[1] ?? 0);

test('a rule chooses by what is asked', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const route_rule = script(dir, 'route.lua', `
    function route(r)
      if r.metadata.force then return r.metadata.force end
      if r.tools then return "main/closing" end
      if r.images then return "seeing" end
      if r.stream then return "main/crlf" end
      if r.user == "ann" then return "main/tight" end
      if r.headers["x-tier"] == "gold" then return {"seeing", "main/crlf"} end
      if r.api == "messages" then return "main/tight" end
      if r.tokens > 200 or r.text:find("long") then return "main/closing" end
      if r.max_tokens and r.max_tokens > 1000 then return "main/crlf" end
      if r.temperature == 0 then return "seeing" end
      return "main/ok"
    end`);
  const rollout = [...models('ok', 'crlf', 'tight', 'closing'), { upstream: 'main', model: 'drip', name: 'seeing', weight: '0%' }];
  for (const share of rollout.slice(0, 4)) share.weight = '25%';
  const { up, server, ask, post } = await start(t, {
    more: {
      ruled: { kind: 'chat', cache: false, route: 'rule', route_rule, rollout },
      vectors: { kind: 'embed', route: 'rule', route_rule: script(dir, 'vectors.lua', 'function route(r) return r.text == "b\\nc" and "main/crlf" or "main/ok" end'), rollout: models('ok', 'crlf') },
    },
  });
  const image = [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }];
  const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
  const rows = [
    [{}, 'main/ok'],
    [{ tools }, 'main/closing'],
    [{ messages: user(image) }, 'main/drip'],
    [{ stream: true }, 'main/crlf'],
    [{ user: 'ann' }, 'main/tight'],
    [{ messages: user('A long one') }, 'main/closing'],
    [{ messages: user('word '.repeat(300)) }, 'main/closing'],
    [{ max_tokens: 2000 }, 'main/crlf'],
    [{ temperature: 0 }, 'main/drip'],
    [{ metadata: { force: 'main/tight' } }, 'main/tight'],
  ];
  for (const [rest, expected] of rows) {
    const reply = await ask('ruled', rest);
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers['x-penstock-model'], expected, JSON.stringify(rest).slice(0, 200));
    assert.equal(reply.headers['x-penstock-decision'], 'accepted');
    assert.equal(`main/${up.asked.at(-1).body.model}`, expected);
  }
  assert.equal((await ask('ruled', {}, { headers: { 'x-tier': 'gold' } })).headers['x-penstock-model'], 'main/drip');
  assert.equal((await post('/v1/messages', { model: 'ruled', max_tokens: 9, messages: user('Hello?') })).headers['x-penstock-model'], 'main/tight');
  const embed = (input) => post('/v1/embeddings', { model: 'vectors', input });
  assert.equal((await embed('a')).headers['x-penstock-model'], 'main/ok');
  assert.equal((await embed(['b', 'c'])).headers['x-penstock-model'], 'main/crlf');
  assert.equal(await counted(server, 'penstock_rule_failures_total\\{endpoint="ruled",rule="route"\\}'), 0);
  await server.healthy();
});

test('those that the rule did not name stand behind, those that it named in its order before', { timeout: 300_000 }, async (t) => {
  const route_rule = script(folder(t), 'route.lua', 'function route(r) return {"main/error500", "main/error502", "main/crlf"} end');
  const { up, server, ask } = await start(t, {
    more: {
      ruled: { kind: 'chat', cache: false, route: 'rule', route_rule, rollout: models('ok', 'error502', 'crlf', 'error500') },
      alone: { kind: 'chat', cache: false, route: 'rule', route_rule: script(folder(t), 'r.lua', 'function route(r) return "main/error500" end'), rollout: models('error500', 'tight') },
    },
    upstreamMore: { retry: { attempts: 1 } },
  });
  const reply = await ask('ruled');
  assert.equal(reply.headers['x-penstock-model'], 'main/crlf', reply.text);
  assert.deepEqual(up.asked.map(({ body }) => body.model), ['error500', 'error502', 'crlf']);
  assert.equal((await recordOf(server, reply.headers['x-request-id'])).attempts, 3);
  assert.equal((await ask('alone')).headers['x-penstock-model'], 'main/tight');
});

test('one whose upstream is left alone is asked last, whatever the rule says', { timeout: 300_000 }, async (t) => {
  const up = await upstream(t);
  const route_rule = script(folder(t), 'route.lua', 'function route(r) return "bad/error500" end');
  const kind = { kind: 'openai', url: up.url, retry: { attempts: 1 } };
  const server = await serve(t, {
    upstreams: { good: { ...kind, breaker: { minimum: 1000 } }, bad: { ...kind, breaker: { minimum: 2, open: '10m', open_max: '10m' } } },
    endpoints: { ruled: { kind: 'chat', cache: false, route: 'rule', route_rule, rollout: [{ upstream: 'good', model: 'ok' }, { upstream: 'bad', model: 'error500' }] } },
  });
  const ask = () => server.request('POST', '/v1/chat/completions', { body: { model: 'ruled', messages: user('Hello?') } });
  for (let i = 0; i < 4; i++) assert.equal((await ask()).headers['x-penstock-model'], 'good/ok');
  assert.deepEqual(up.asked.map(({ body }) => body.model), ['error500', 'ok', 'error500', 'ok', 'ok', 'ok']);
});

test('a rule that fails decides nothing, and says so', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const ruled = (name, text, rest) => ({ kind: 'chat', cache: false, route: 'rule', route_rule: script(dir, `${name}.lua`, `function route(r) ${text} end`), rollout: [{ upstream: 'main', model: 'ok', weight: '100%' }, { upstream: 'main', model: 'crlf', weight: '0%' }], ...rest });
  const endpoints = {
    errs: ruled('errs', 'error("no idea")'),
    unknown: ruled('unknown', 'return "main/gpt-5"'),
    endless: ruled('endless', 'while true do end'),
    greedy: ruled('greedy', 'return ("x"):rep(1e9)'),
    silent: ruled('silent', 'return nil'),
    even: ruled('even', 'return nil', { rollout: models('ok', 'crlf'), sticky: 'none' }),
    sticky: ruled('sticky', 'return nil', { rollout: models('ok', 'crlf', 'tight', 'drip'), sticky: 'user' }),
  };
  const { server, ask } = await start(t, { more: endpoints });
  for (const name of ['errs', 'unknown', 'endless', 'greedy', 'silent']) {
    for (let i = 0; i < 3; i++) {
      const reply = await ask(name);
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.headers['x-penstock-model'], 'main/ok', 'the weights decide');
    }
    const failed = name !== 'silent';
    assert.equal(await counted(server, `penstock_rule_failures_total\\{endpoint="${name}",rule="route"\\}`), failed ? 3 : 0);
    assert.equal(server.log('rule.failed').filter(({ message }) => message.includes(`"${name}"`)).length, failed ? 1 : 0, 'once a minute');
  }
  const said = (name) => server.log('rule.failed').find(({ message }) => message.includes(`"${name}"`)).message;
  assert.match(said('errs'), /errs\.lua:1: no idea/);
  assert.match(said('unknown'), /"main\/gpt-5"; expected one of: main\/ok, main\/crlf/);
  assert.match(said('endless'), /loop that does not end|CPU time/);
  assert.doesNotMatch(said('errs'), new RegExp(dir), 'by the file\'s name');

  // Without weights, each as often as the other; sticky where asked.
  const seen = new Set();
  await until('both', async () => seen.add((await ask('even')).headers['x-penstock-model']).size === 2);
  for (const name of ['ann', 'bob', 'eve']) {
    const first = (await ask('sticky', { user: name })).headers['x-penstock-model'];
    for (let i = 0; i < 5; i++) assert.equal((await ask('sticky', { user: name })).headers['x-penstock-model'], first);
  }
  await server.healthy();
});

test('a rule sees whose key it is, and no key', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const store = path.join(dir, 'store');
  const [one, two] = [await createKey(store, 'one'), await createKey(store, 'two')];
  const up = await upstream(t);
  const route_rule = script(dir, 'route.lua', 'function route(r) assert(r.headers.authorization == nil) return r.client == "two" and "main/crlf" or "main/ok" end');
  const server = await serve(t, { auth: { required: true }, upstreams: { main: { kind: 'openai', url: up.url } }, endpoints: { ruled: { kind: 'chat', route: 'rule', route_rule, rollout: models('ok', 'crlf') } } }, { store });
  for (const [key, expected] of [[one, 'main/ok'], [two, 'main/crlf'], [one, 'main/ok']]) {
    const reply = await server.request('POST', '/v1/chat/completions', { key, body: { model: 'ruled', messages: user('Hello?') } });
    assert.equal(reply.headers['x-penstock-model'], expected);
  }
});

test('rules answer where no model can', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const answer = script(dir, 'answer.lua', `
    function answer(r)
      if r.text:find("nothing") then return nil end
      if r.text:find("break") then error("broken") end
      return "We will look into \\"" .. r.text .. "\\" (" .. r.reason .. ")."
    end`);
  const { server, ask, post } = await start(t, {
    more: {
      ruled: { kind: 'chat', rollout: models('error500'), fallbacks: [{ rules: answer }] },
      last: { kind: 'chat', rollout: models('error500'), fallbacks: [{ rules: answer }, { text: 'Come again.' }] },
    },
    upstreamMore: { retry: { attempts: 1 } },
  });
  const expected = 'We will look into "Hello?" (upstream_failed).';
  const reply = await ask('ruled');
  assert.equal(reply.status, 200, reply.text);
  assert.equal(reply.json.choices[0].message.content, expected);
  assert.equal(reply.headers['x-penstock-decision'], 'fallback');
  assert.equal((await recordOf(server, reply.headers['x-request-id'])).fallback, 'rules: upstream_failed');
  const streamed = await ask('ruled', { stream: true });
  assert.equal([...streamed.text.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)].map((match) => JSON.parse(match[1])).join(''), expected);
  const claude = await post('/v1/messages', { model: 'ruled', max_tokens: 9, messages: user('Hello?') });
  assert.equal(claude.json.content[0].text, expected, claude.text);

  const none = await ask('ruled', { messages: user('Say nothing') });
  assert.equal(`${none.status} ${none.json.error.code}`, '502 upstream_failed', none.text);
  const broken = await ask('last', { messages: user('Please break') });
  assert.equal(broken.json.choices[0].message.content, 'Come again.', 'the next step is tried');
  assert.equal(await counted(server, 'penstock_rule_failures_total\\{endpoint="last",rule="answer"\\}'), 1);
  assert.match(server.log('rule.failed').at(-1).message, /answer\.lua/);
  assert.notEqual(expected, sentence);
});

test('what is wrong with a rule is said before it serves', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  script(dir, 'route.lua', 'function route(r) return "main/ok" end');
  script(dir, 'other.lua', 'function wrong(r) end');
  script(dir, 'syntax.lua', 'function route(r)\n  return (\nend');
  const problems = async (rest, rollout = models('ok', 'crlf')) => {
    const endpoint = { kind: 'chat', rollout, ...rest };
    fs.writeFileSync(path.join(dir, 'c.yaml'), JSON.stringify({ upstreams: { main: { kind: 'openai', url: 'http://127.0.0.1:1/v1' } }, endpoints: { ruled: endpoint } }));
    const { code, stderr } = await command(['config', 'check', '-c', path.join(dir, 'c.yaml')], { code: null });
    return code === 0 ? '' : stderr;
  };
  const rule = { route: 'rule', route_rule: 'route.lua' };
  assert.equal(await problems(rule), '');
  assert.match(await problems({ route: 'rule' }), /needs "route_rule: FILE"/);
  assert.match(await problems({ route_rule: 'route.lua' }), /needs "route: rule"/);
  assert.match(await problems({ ...rule, route_rule: 'none.lua' }), /none\.lua/);
  assert.match(await problems({ ...rule, route_rule: 'other.lua' }), /c\.yaml:1:\d+:.*other\.lua: the script defines no function route/);
  assert.match(await problems({ ...rule, route_rule: 'syntax.lua' }), /syntax\.lua:3:/);
  const named = (...names) => models('ok', 'crlf').map((share, i) => (names[i] ? { ...share, name: names[i] } : share));
  assert.equal(await problems(rule, named('a', 'b')), '');
  assert.match(await problems({}, named('a', 'b')), /"name" is for "route: rule" only/);
  assert.match(await problems(rule, named('a', 'a')), /two have the same name/);
  assert.match(await problems(rule, named('main\/crlf')), /two have the same name/);
});

test('who has no quota left is not asked again for a while', { timeout: 300_000 }, async (t) => {
  const { up, server, ask } = await start(t, {
    fails: { alone: 'quota' },
    more: {
      rescued: { kind: 'chat', rollout: models('quota'), fallbacks: [{ upstream: 'main', model: 'ok' }] },
      cheapest: { kind: 'chat', cache: false, route: 'rule', route_rule: script(folder(t), 'r.lua', 'function route(r) return "main/quota" end'), rollout: models('ok', 'quota') },
    },
    upstreamMore: { breaker: { minimum: 1, errors: '1%', open: '10m', open_max: '10m' } },
  });
  for (let i = 0; i < 3; i++) {
    const reply = await ask('alone');
    assert.equal(`${reply.status} ${reply.json.error.code}`, '502 upstream_failed');
    assert.match(reply.json.error.message, /Upstream "main" has no quota left/);
  }
  assert.equal(up.asked.length, 1);
  for (const [name, decision] of [['rescued', 'fallback'], ['cheapest', 'accepted']]) {
    const reply = await ask(name);
    assert.equal(reply.headers['x-penstock-model'], 'main/ok', reply.text);
    assert.equal(reply.headers['x-penstock-decision'], decision);
  }
  assert.deepEqual(up.asked.map(({ body }) => body.model), ['quota', 'ok', 'ok'], 'its other models answer: its breaker stays closed');
  assert.equal(await counted(server, 'penstock_upstream_calls_total\\{upstream="main",failure="insufficient_quota"\\}'), 1);
});

test('it is asked again once its time is over', { timeout: 300_000 }, async (t) => {
  const { up, ask } = await start(t, { fails: { soon: 'quota+ok' }, upstreamMore: { breaker: { open: '10ms', open_max: '300ms' } } });
  assert.equal((await ask('soon')).status, 502);
  await until('an answer', async () => (await ask('soon')).status === 200);
  assert.equal(up.asked.length, 2);
});

test('metrics tell how calls end, who is left alone, and how well tokens are estimated', { timeout: 300_000 }, async (t) => {
  const { server, ask } = await start(t, {
    fails: { broken: 'error500', wrong: 'error401' },
    more: {
      nobody: { kind: 'chat', rollout: [{ upstream: 'down', model: 'ok' }] },
      windowed: { kind: 'chat', cache: false, rollout: models('ok'), context: { window: 1000 } } },
    upstreamMore: { retry: { attempts: 1 }, breaker: { minimum: 1000 } },
    upstreams: { down: { kind: 'openai', url: 'http://127.0.0.1:1/v1', retry: { attempts: 1 }, breaker: { minimum: 1, open: '10m', open_max: '10m' } } },
    budgets: [{ scope: 'all', per: 'ever', tokens: 1e9 }],
  });
  const text = 'what about it? '.repeat(8);
  for (let i = 0; i < 5; i++) assert.equal((await ask('windowed', { messages: user(text) })).status, 200);
  for (const name of ['broken', 'wrong', 'broken', 'nobody']) assert.equal((await ask(name)).status, 502, name);
  assert.equal((await ask('nobody')).status, 503, 'left alone');
  const calls = (failure, name = 'main') => counted(server, `penstock_upstream_calls_total\\{upstream="${name}",failure="${failure}"\\}`);
  assert.deepEqual([await calls('none'), await calls('server'), await calls('authentication')], [5, 2, 1]);
  assert.equal(await calls('connect', 'down'), 1);
  const state = (what, name) => counted(server, `penstock_upstream_${what}\\{upstream="${name}"\\}`);
  assert.deepEqual([await state('left_alone', 'main'), await state('left_alone', 'down'), await state('breaker_refused_total', 'down')], [0, 1, 1]);
  const metrics = (await server.get('/metrics')).text;
  const error = (estimate, corrected) => Number(new RegExp(`^penstock_token_estimate_error_ratio\\{upstream="main",model="ok",estimate="${estimate}",corrected="${corrected}"\\} ([0-9.e-]+)$`, 'm').exec(metrics)?.[1]);
  // The provider says twelve tokens each time; the text has some forty.
  for (const estimate of ['texts', 'bytes']) {
    assert.ok(error(estimate, 'no') > 1, `${estimate} ${error(estimate, 'no')}`);
    assert.ok(error(estimate, 'yes') < error(estimate, 'no'), `${estimate} ${error(estimate, 'yes')}`);
  }
  assert.match(metrics, /^# TYPE penstock_token_estimate_error_ratio gauge$/m);
  const judge = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
  if (judge.error?.code === 'ENOENT') t.diagnostic('promtool is not installed (Debian package prometheus)');
  else assert.equal(judge.status, 0, judge.stdout + judge.stderr);
});

test('what was learned of upstreams, and other rules, live through reloads while requests and scrapes go on', { timeout: 300_000 }, async (t) => {
  const dir = folder(t);
  const up = await upstream(t);
  const route_rule = script(dir, 'route.lua', 'function route(r) return "main/ok" end');
  const ruled = { kind: 'chat', cache: false, route: 'rule', route_rule, rollout: models('ok', 'crlf') };
  const endpoints = { ruled, poor: { kind: 'chat', rollout: models('quota') } };
  const server = await serve(t, {
    upstreams: { main: { kind: 'openai', url: up.url, breaker: { open_max: '10m' } } },
    budgets: [{ scope: 'all', per: 'ever', tokens: 1e9 }],
    endpoints,
  });
  const reload = (more) => server.reload({ ...server.config, endpoints: { ...endpoints, ...more } });
  const ask = (model) => server.request('POST', '/v1/chat/completions', { check: false, body: { model, messages: user('what about it? '.repeat(8)) } });
  assert.equal((await ask('poor')).status, 502);
  let ended = false;
  const going = [
    async () => assert.equal((await ask('ruled')).status, 200),
    async () => assert.equal((await server.get('/metrics')).status, 200),
  ].map(async (each) => {
    while (!ended) await each();
  });
  for (let i = 0; i < 8; i++) await reload({ [`more${i}`]: { kind: 'chat', rollout: models(`late${i}`) } });
  script(dir, 'route.lua', 'function route(r) return "main/crlf" end');
  await reload();
  ended = true;
  assert.equal(server.log('config.refused').length, 0);
  await Promise.all(going);
  assert.equal((await ask('ruled')).headers['x-penstock-model'], 'main/crlf');

  script(dir, 'route.lua', 'function route(r) return');
  await reload();
  assert.match(server.log('config.problem').at(-1).message, /route\.lua/);
  assert.equal((await ask('ruled')).headers['x-penstock-model'], 'main/crlf', 'a rule that does not compile changes nothing');

  assert.equal((await ask('poor')).status, 502);
  assert.equal(up.asked.filter(({ body }) => body.model === 'quota').length, 1, 'it still has no quota');
  assert.match((await server.get('/metrics')).text, /^penstock_token_estimate_error_ratio\{upstream="main",model="ok",estimate="bytes",corrected="yes"\} /m);
  await server.healthy();
});
