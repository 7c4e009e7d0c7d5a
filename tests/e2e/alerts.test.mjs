// Alerts, from what a server's users see to what a receiver that really listens is sent.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { start } from './chats.mjs';
import { assertNoReport, atEnd, build, command, folder, root, serve, sleep, until } from './penstock.mjs';
import { mailServer, webhook } from './receivers.mjs';
import { upstream } from './upstream.mjs';

const quick = { interval: '100ms', group_wait: '100ms', group_interval: '200ms' };
const failing = (times) => [...Array(times).fill('error500'), 'ok'].join('+');

// A server whose endpoint `shop` fails `times` requests; receivers by name.
const shop = (t, receivers, { times = 20, alerts = {}, env = {}, endpoint = {}, ...config } = {}) =>
  start(
    t,
    {
      more: { shop: { kind: 'chat', owner: 'team-shop', cache: false, rollout: [{ upstream: 'main', model: failing(times) }], ...endpoint } },
      upstreamMore: { retry: { attempts: 1 } },
      alerts: { ...quick, ...alerts, receivers },
      ...config,
    },
    { env },
  );

const fail = async ({ ask }, times = 20) => {
  for (let i = 0; i < times; i++) assert.notEqual((await ask('shop')).status, 200);
};

// A mail server with a certificate of its own, and the file of its authority.
async function securedMail(t, options) {
  const dir = folder(t), key = path.join(dir, 'mail.key'), pem = path.join(dir, 'mail.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', pem], { stdio: 'ignore' });
  const certificate = { key: fs.readFileSync(key), cert: fs.readFileSync(pem) };
  return { pem, mail: await mailServer(t, { certificate, ...options }) };
}

test('errors reach a webhook, which is told the end, too', { timeout: 300_000 }, async (t) => {
  const hook = await webhook(t);
  const s = await shop(t, { main: { kind: 'webhook', url: '${env:HOOK}', key: '${env:KEY}' } }, { env: { HOOK: hook.url, KEY: 'k3y' }, alerts: { monitors: { error_rate: { enabled: false }, availability_fast: { clear: '200ms' } } }, endpoint: { objectives: { availability: '99%' } } });
  await fail(s);
  const opened = await hook.arrived('opened', (m) => m.json.notice === 'opened');
  assert.equal(opened.headers.authorization, 'Bearer k3y');
  assert.equal(opened.headers['idempotency-key'].length, 26);
  assert.match(opened.json.subject, /^\[P1 unavailable\] shop: errors use the budget up/);
  const { incident, alerts: [{ alert, text, runbook }] } = opened.json;
  assert.deepEqual([incident.endpoint, incident.owner, incident.class, incident.state], ['shop', 'team-shop', 'P1', 'open']);
  assert.deepEqual([alert.monitor, alert.state, alert.expected, alert.limit], ['availability_fast', 'firing', 1, 14.4]);
  assert.ok(alert.value > 90, `all failed: ${alert.value}`);
  assert.match(text, /20 of 20 requests in 60 minutes failed; the objective is 99 %/);
  assert.equal(runbook, 'docs/runbooks/availability_fast.md');
  const good = await Promise.all(Array.from({ length: 20 }, async () => { for (let i = 0; i < 25; i++) await s.ask('shop'); }));
  assert.equal(good.length, 20);
  const resolved = await hook.arrived('resolved', (m) => m.json.notice === 'resolved');
  assert.equal(resolved.json.incident.id, incident.id);
  assert.deepEqual(hook.got.map((m) => m.json.notice), ['opened', 'resolved']);
  for (const secret of ['T0PS3CR3T', 'k3y']) assert.ok(!s.server.stderr.includes(secret), 'no secret in the log');
});

test('every shape arrives whole: Slack, PagerDuty, Alertmanager, mail over STARTTLS', { timeout: 300_000 }, async (t) => {
  const hook = await webhook(t);
  const { pem, mail } = await securedMail(t, { user: 'alerts', password: 'm4ilw0rd' });
  const env = { SLACK: `${hook.url}/slack`, PAGER: `${hook.url}/pager`, MANAGER: `${hook.url}/manager`, ROUTING: 'r0ut1ngk3y', WHO: 'alerts', WORD: 'm4ilw0rd' };
  const receivers = {
    slack: { kind: 'slack', url: '${env:SLACK}' },
    pager: { kind: 'pagerduty', url: '${env:PAGER}', key: '${env:ROUTING}' },
    manager: { kind: 'alertmanager', url: '${env:MANAGER}' },
    mail: { kind: 'email', server: mail.url, from: 'penstock@example.com', to: 'ada@example.com, bob@example.com', user: '${env:WHO}', password: '${env:WORD}', ca: pem },
  };
  const s = await shop(t, receivers, { env, alerts: { public_url: 'https://penstock.example.com', monitors: { error_rate: { enabled: false } } } });
  await fail(s);
  const of = (name) => hook.arrived(name, (m) => m.url.endsWith(name));
  const slack = (await of('/slack')).json;
  assert.match(slack.text, /^\[P1 unavailable\] shop: errors use/);
  assert.deepEqual(slack.blocks.map(({ type }) => type), ['header', 'section', 'section']);
  assert.match(slack.blocks[1].text.text, /20 of 20 requests.*<https:\/\/penstock\.example\.com\/v1\/runbooks\/availability_fast\|Runbook>/s);
  assert.match(slack.blocks[2].text.text, /^Owner: team-shop · incident \w{26}, open · <https:\/\/penstock\.example\.com\/console#\/incidents\/\w+\|Console>$/);

  const pager = (await of('/pager')).json;
  assert.deepEqual([pager.routing_key, pager.event_action, pager.payload.severity, pager.payload.source], ['r0ut1ngk3y', 'trigger', 'critical', 'shop']);
  assert.equal(pager.dedup_key, pager.payload.custom_details.incident);
  assert.equal(pager.payload.custom_details.owner, 'team-shop');

  const manager = (await of('/manager')).json;
  assert.deepEqual([manager.version, manager.status, manager.receiver, manager.groupLabels], ['4', 'firing', 'manager', { endpoint: 'shop' }]);
  const [alert] = manager.alerts;
  assert.deepEqual(alert.labels, { alertname: 'availability_fast', endpoint: 'shop', severity: 'P1', owner: 'team-shop' });
  assert.equal(alert.annotations.runbook_url, 'https://penstock.example.com/v1/runbooks/availability_fast');
  assert.ok(Date.parse(alert.startsAt) > Date.now() - 300_000);

  const letter = await mail.arrived('opened');
  assert.deepEqual([letter.secure, letter.user, letter.from, letter.to], [true, 'alerts', 'penstock@example.com', ['ada@example.com', 'bob@example.com']]);
  assert.match(letter.headers.subject, /^\[P1 unavailable\] shop: errors use/);
  assert.match(letter.headers['message-id'], /^<\w{26}@/);
  assert.match(letter.body, /Owner: +team-shop\n[^]*100 × budget|Owner: +team-shop\n[^]*1000 × budget/);
  assert.match(letter.body, /Runbook: https:\/\/penstock\.example\.com\/v1\/runbooks\/availability_fast/);

  const store = fs.readFileSync(`${s.server.config.store.path}/store.db`, 'latin1') + fs.readFileSync(`${s.server.config.store.path}/store.db-wal`, 'latin1');
  for (const secret of ['T0PS3CR3T', 'r0ut1ngk3y', 'm4ilw0rd']) {
    assert.ok(!s.server.stderr.includes(secret), `${secret} is in the log`);
    assert.ok(!store.includes(secret), `${secret} is in the store`);
  }
  const metrics = (await s.server.get('/metrics', { check: false })).text;
  for (const name of ['slack', 'pager', 'manager', 'mail'])
    assert.match(metrics, new RegExp(`penstock_alert_messages_total\\{receiver="${name}",result="delivered"\\} 1\\n`));
});

test('receivers that misbehave: everything arrives in the end, in order, and nobody waits for another', { timeout: 300_000 }, async (t) => {
  const ways = ['hang', { status: 500 }, { status: 429, headers: { 'retry-after': '1' } }, { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'close', 'garbage'];
  const bad = await webhook(t, (_, n) => ways[n - 1]);
  const good = await webhook(t);
  const s = await shop(t, { bad: { kind: 'webhook', url: '${env:BAD}', timeout: '300ms' }, good: { kind: 'webhook', url: '${env:GOOD}' }, gone: { kind: 'webhook', url: '${env:GONE}' } },
    { env: { BAD: bad.url, GOOD: good.url, GONE: 'http://127.0.0.1:1/T0PS3CR3T' }, alerts: { give_up: '2s', monitors: { error_rate: { enabled: false } } } });
  await fail(s);
  const { at } = await good.arrived('opened');
  const lines = () => s.server.log('alert.undelivered').filter(({ message }) => /"bad"/.test(message)).map(({ message }) => message);
  await until('the first complaints', () => lines().length >= 1);
  assert.match(lines()[0], /no answer in time\. It is tried again/);
  const lost = await s.server.logged('alert.lost', ({ message }) => /Receiver "gone" .*the connection was refused\. It is given up/.test(message));
  assert.ok(at <= Date.parse(lost.time), 'the good one did not wait for the others');
  assert.ok(!s.server.stderr.includes('T0PS3CR3T'));
  assert.equal(new Set(bad.got.map((m) => m.headers['idempotency-key'])).size, 1, 'each try has the same key');
  const messages = (await s.server.get('/v1/admin/alerts/messages')).json.data;
  assert.deepEqual(messages.find(({ receiver }) => receiver === 'gone'), { ...messages.find(({ receiver }) => receiver === 'gone'), state: 'given up', status: 0, answer: 'the connection was refused' });
  assert.equal(messages.find(({ receiver }) => receiver === 'good').state, 'delivered');
});

test('a restart neither loses nor repeats', { timeout: 300_000 }, async (t) => {
  let down = true;
  const hook = await webhook(t, () => (down ? { status: 503 } : undefined));
  const dir = folder(t);
  const up = await upstream(t);
  const config = {
    upstreams: { main: { kind: 'openai', url: up.url, retry: { attempts: 1 }, breaker: { minimum: 1000 } } },
    endpoints: { shop: { kind: 'chat', cache: false, rollout: [{ upstream: 'main', model: failing(20) }] } },
    alerts: { ...quick, repeat: '1h', receivers: { main: { kind: 'webhook', url: '${env:HOOK}' } }, monitors: { error_rate: { enabled: false } } },
  };
  const env = { HOOK: hook.url };
  const first = await serve(t, config, { dir, env });
  const ask = () => first.request('POST', '/v1/chat/completions', { body: { model: 'shop', messages: [{ role: 'user', content: 'x' }] }, check: false });
  for (let i = 0; i < 20; i++) await ask();
  await hook.arrived('a try that fails');
  await first.kill(); // with a message that was not taken
  await hook.alone();
  down = false;
  hook.got.length = 0;
  const second = await serve(t, config, { dir, env });
  const told = await hook.arrived('after the restart');
  await until('delivered', async () => (await second.get('/v1/admin/alerts/messages')).json.data.every(({ state }) => state === 'delivered'));
  const { data } = (await second.get('/v1/admin/incidents')).json;
  assert.deepEqual(data.map(({ id, state }) => [id, state]), [[told.json.incident.id, 'open']], 'the same incident goes on');
  await sleep(1000);
  assert.equal(hook.got.length, 1, 'told once');
});

test('silences, taking on, escalation, comments, the draft of a post-mortem', { timeout: 300_000 }, async (t) => {
  const hook = await webhook(t);
  const s = await shop(t, { first: { kind: 'webhook', url: '${env:HOOK}' }, boss: { kind: 'webhook', url: '${env:BOSS}', after: '1s', least: 'P1' } },
    { env: { HOOK: `${hook.url}/first`, BOSS: `${hook.url}/boss` }, alerts: { repeat: '2s', monitors: { error_rate: { enabled: false } } } });
  const run = (code, ...args) => command([...args, '--store', s.server.config.store.path], { code });
  assert.match((await run(0, 'alerts', 'silence', '--endpoint', 'shop', '--for', '1h', '--why', 'a test', '--by', 'ada')).stdout, /keeps messages back until/);
  await fail(s);
  await s.server.logged('alert.firing', ({ message }) => /\(kept quiet\)/.test(message));
  await sleep(500);
  assert.equal(hook.got.length, 0, 'nobody is told');
  const [{ id: silence }] = JSON.parse((await run(0, 'alerts', 'silences', '--json')).stdout);
  const [alert] = JSON.parse((await run(0, 'alerts', 'list', 'shop', '--json')).stdout);
  assert.equal(alert.muted, `silence ${silence}`);
  await run(0, 'alerts', 'unsilence', silence);
  const opened = await hook.arrived('once it ended', (m) => m.url.endsWith('/first') && m.json.notice === 'opened');
  await hook.arrived('escalated', (m) => m.url.endsWith('/boss') && m.json.notice === 'escalated');
  await hook.arrived('repeated', (m) => m.url.endsWith('/first') && m.json.notice === 'repeated');
  const { id } = opened.json.incident;
  assert.match((await run(1, 'incidents', 'resolve', id, '--why', 'gone')).stderr, /still measured and not good/);
  assert.match((await run(0, 'alerts', 'ack', alert.id, '--why', 'on it', '--by', 'ada')).stdout, /is ada's/);
  assert.match((await run(1, 'incidents', 'ack', id)).stderr, /acknowledged by ada already/);
  await run(0, 'incidents', 'comment', id, '--why', 'it was the <upstream>', '--by', 'ada');
  const delivered = async () => (await s.server.get('/v1/admin/alerts/messages')).json.data.every(({ state }) => state === 'delivered');
  await until('what was under way', delivered);
  const before = hook.got.length;
  await sleep(2500); // longer than it takes to repeat
  assert.equal(hook.got.length, before, 'no repeats once somebody is on it');
  const shown = (await s.server.get(`/v1/admin/incidents/${id}`)).json;
  const whats = shown.timeline.map(({ what }) => what);
  for (const what of ['alert.firing', 'notice.opened', 'notice.escalated', 'notice.repeated', 'acknowledged', 'comment']) assert.ok(whats.includes(what), `${what} in ${whats}`);
  const time = (name) => Date.parse(shown.timeline.find(({ what }) => what === name).at);
  assert.ok(time('notice.opened') < time('notice.escalated'), 'the boss has time');
  const { stdout: draft } = await run(0, 'incidents', 'export', id);
  assert.match(draft, /^# Post-mortem: shop, P1 unavailable/);
  assert.match(draft, /\| Acknowledged \| .* by ada, after/);
  assert.match(draft, /it was the \\<upstream\\>/);
  assert.equal((await s.server.get(`/v1/admin/incidents/${id}/export`)).json.markdown.trim(), draft.trim());
  assert.match((await run(0, 'incidents', 'escalate', id, '--why', 'over my head', '--by', 'ada')).stdout, /is handed on/);
  assert.match((await run(0, 'incidents', 'ack', id, '--by', 'bob')).stdout, /is taken on/); // it was nobody's again
});

test('penstock alerts test says what came back, with and without a server', { timeout: 300_000 }, async (t) => {
  const hook = await webhook(t, (m) => (m.url.endsWith('/bad') ? { status: 404, body: 'no such channel T0PS3CR3T' } : undefined));
  const env = { GOOD: `${hook.url}/good`, BAD: `${hook.url}/bad`, KEY: 'r0ut1ng' };
  const s = await shop(t, { good: { kind: 'slack', url: '${env:GOOD}' }, pager: { kind: 'pagerduty', url: '${env:GOOD}', key: '${env:KEY}' }, bad: { kind: 'slack', url: '${env:BAD}' } }, { env });
  const run = (code, ...args) => command(['alerts', 'test', ...args, '-c', s.server.configPath], { code, env });
  const one = await run(0, 'good');
  assert.match(one.stdout, /1 messages, sent by the server:\ngood +slack +test +taken \(200\): ok\n/);
  const all = await run(1);
  assert.match(all.stdout, /bad +slack +test +NOT taken: it answered 404/);
  assert.match(all.stdout, /pager +pagerduty +resolved +taken/);
  assert.match(all.stderr, /1 of 4 messages were not taken/);
  assert.ok(!/T0PS3CR3T/.test(all.stdout + s.server.stderr), 'a webhook is secret');
  const trial = await s.server.request('POST', '/v1/admin/alerts/test', { body: { receiver: 'good' } });
  await until('delivered', async () => (await s.server.get(`/v1/admin/alerts/messages?incident=${trial.json.incident}`)).json.data.every(({ state }) => state === 'delivered'));
  await s.server.stop();
  assert.match((await run(0, 'good')).stdout, /sent by this command, since no server runs:\ngood +slack +test +taken/);
  assert.match((await run(1, 'nobody')).stderr, /no receiver "nobody"/);
});

test('wrong words', { timeout: 300_000 }, async (t) => {
  const s = await shop(t, {});
  for (const [method, path, body, status, param] of [
    ['POST', '/v1/admin/alerts/silences', { endpoint: 'shop', until: 'tomorrow', why: 'x' }, 400, 'until'],
    ['POST', '/v1/admin/alerts/silences', { endpoint: 'shop', until: '2020-01-01T00:00:00Z', why: 'x' }, 400, 'until'],
    ['POST', '/v1/admin/alerts/silences', { until: '2036-01-01T00:00:00Z', why: 'x' }, 400, 'endpoint'],
    ['POST', '/v1/admin/alerts/silences', { endpoint: 'shop', until: '2036-01-01T00:00:00Z', why: 'x' }, 400, 'until'],
    ['POST', '/v1/admin/alerts/silences', { endpoint: 7, until: '2036-01-01T00:00:00Z', why: 'x' }, 400, 'endpoint'],
    ['DELETE', '/v1/admin/alerts/silences/nothing', undefined, 404, null],
    ['POST', '/v1/admin/alerts/test', {}, 404, null],
    ['GET', '/v1/admin/alerts?state=odd', undefined, 400, 'state'],
    ['GET', '/v1/admin/incidents/nothing', undefined, 404, null],
    ['POST', '/v1/admin/incidents/nothing/acknowledge', undefined, 404, null],
    ['POST', '/v1/admin/incidents/nothing/comment', {}, 400, 'why'],
    ['POST', '/v1/admin/incidents/nothing/escalate', {}, 400, 'why'],
    ['POST', '/v1/admin/incidents/nothing/escalate', { why: 'x' }, 404, null],
  ]) {
    const reply = await s.server.request(method, path, { body });
    assert.deepEqual([reply.status, reply.json.error.param], [status, param], `${method} ${path}: ${reply.text}`);
  }
  const wrong = async (alerts, said) => {
    const file = path.join(s.server.folder, 'wrong.yaml');
    fs.writeFileSync(file, JSON.stringify({ ...s.server.config, alerts }));
    assert.match((await command(['config', 'check', '-c', file], { code: 2, env: { URL_: 'ftp://T0PS3CR3T', WORD: 'w' } })).stderr, said);
  };
  await wrong({ receivers: { a: { kind: 'slack' } } }, /"url" is missing/);
  await wrong({ receivers: { a: { kind: 'slack', url: 'https://hooks.example.com/T0PS3CR3T' } } }, /a secret is never written here/);
  await wrong({ receivers: { a: { kind: 'slack', url: '${env:URL_}' } } }, /what it stands for is not http/);
  await wrong({ receivers: { a: { kind: 'email', server: 'smtp://x', from: 'a@x', to: 'b@x', user: '${env:WORD}', password: '${env:WORD}', tls: false } } }, /never goes in the clear/);
  await wrong({ receivers: { a: { kind: 'pagerduty', key: '${env:WORD}', endpoints: 'shp' } } }, /there is no endpoint "shp"/);
  await wrong({ maintenance: [{ from: '25:00' }] }, /expected HH:MM/);
});

test('the fire drill: every monitor reaches a webhook and a mail server, and so does its end', { timeout: 300_000 }, async (t) => {
  const monitors = [...fs.readFileSync(path.join(root, 'src/watch/alerts/alert_rules.c'), 'utf8').matchAll(/^    \{"(\w+)", "([^"]+)", ALERT_(P\d)/gm)];
  assert.ok(monitors.length > 20);
  const hook = await webhook(t);
  const { pem, mail } = await securedMail(t);
  const dir = folder(t), file = path.join(dir, 'drill.yaml');
  const at_once = Object.fromEntries(monitors.map(([, name]) => [name, { for: '0s', clear: '100ms' }]));
  const receivers = { hook: { kind: 'webhook', url: '${env:HOOK}' }, mail: { kind: 'email', server: mail.url, from: 'penstock@example.com', to: 'ada@example.com', ca: pem } };
  fs.writeFileSync(file, JSON.stringify({ upstreams: { main: { kind: 'simulator' } }, endpoints: { one: { kind: 'chat', rollout: [{ upstream: 'main', model: 'a' }] } }, alerts: { ...quick, group_wait: '0s', monitors: at_once, receivers } }));
  const child = spawn(path.join(build, 'tests/e2e/alert_drill'), [file, dir], { env: { ...process.env, HOOK: hook.url }, stdio: ['pipe', 'inherit', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const ended = new Promise((done) => child.on('exit', (code) => done(code)));
  atEnd(t, () => child.kill('SIGKILL'));
  const all = (notice, words) =>
    until(notice, () => monitors.every(([, name]) => hook.got.some((m) => m.json.notice === notice && m.json.incident.endpoint === name) && mail.mails.some((m) => words(name).test(m.headers.subject))), 120_000);
  await all('opened', (name) => new RegExp(`^\\[P\\d [a-z ]+\\] ${name}: `));
  for (const [, name, title, bad] of monitors) {
    const [told, ...more] = hook.got.filter((m) => m.json.incident.endpoint === name);
    assert.equal(more.length, 0, `${name} is told once`);
    assert.equal(told.json.incident.class, bad);
    assert.deepEqual(told.json.alerts.map(({ alert }) => [alert.monitor, alert.part, alert.value, alert.expected, alert.limit]), [[name, 'drill', 9, 0.5, 1]]);
    assert.equal(told.json.alerts[0].runbook, `docs/runbooks/${name}.md`);
    const letter = mail.mails.find((m) => m.headers.subject.includes(` ${name}: `));
    assert.ok(letter.body.includes(`- ${title} (${name}, drill): 900 %, expected 50 %, limit 100 %, since 20`), letter.body);
    assert.ok(letter.body.includes(`Runbook: docs/runbooks/${name}.md`) && letter.body.includes('Owner: '));
  }
  child.stdin.write('\n');
  await all('resolved', (name) => new RegExp(`resolved: ${name}: `));
  child.stdin.end('\n');
  assert.equal(await ended, 0, log.slice(-3000));
  assertNoReport(log);
});

test('mail servers and addresses that are not to be trusted', { timeout: 300_000 }, async (t) => {
  const hook = await webhook(t), open = await mailServer(t);
  const strange = await securedMail(t), refusing = await securedMail(t, { refuse: '550 5.1.1 nobody here', user: 'u', password: 'right' });
  const letter = (server, more) => ({ kind: 'email', server: server.url, from: 'a@example.com', to: 'b@example.com', timeout: '5s', ...more });
  const env = { HOOK: hook.url, USER_: 'u', WRONG: 'wr0ngw0rd', RIGHT: 'right' };
  const s = await shop(t, {
    inside: { kind: 'webhook', url: '${env:HOOK}', private: false },
    clear: letter(open),
    meant: letter(open, { tls: false }),
    strange: letter(strange.mail),
    nobody: letter(refusing.mail, { ca: refusing.pem, user: '${env:USER_}', password: '${env:RIGHT}' }),
    denied: letter(refusing.mail, { ca: refusing.pem, user: '${env:USER_}', password: '${env:WRONG}' }),
  }, { env });
  const { stdout } = await command(['alerts', 'test', '-c', s.server.configPath], { code: 1, env });
  for (const said of [
    /^inside .*NOT taken: its address is private, which this receiver forbids$/m,
    /^clear .*NOT taken: it does not offer STARTTLS/m,
    /^meant .*taken/m,
    /^strange .*NOT taken: its certificate is not valid for it/m,
    /^nobody .*NOT taken: .*SMTP 550/m,
    /^denied .*NOT taken: it refused the sign-in/m,
  ]) assert.match(stdout, said);
  assert.equal(hook.got.length, 0);
  assert.equal(open.mails.length, 1);
  assert.ok(!/wr0ngw0rd/.test(stdout + s.server.stderr));
});
