// Signing in at the console: the cookie, what it may do, what ends it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { command, createKey, folder, serve, sleep, storeWithModels, until } from './penstock.mjs';
import { billingText } from './samples.mjs';

const endpoints = { tickets: { rollout: [{ model: 'tickets' }] } };
const own = { 'sec-fetch-site': 'same-origin' };

const cookieOf = (reply) => /penstock_session=([^;]*)/.exec(reply.headers['set-cookie']?.[0])?.[1];

// Signs in and gives {cookie, csrf, reply}; `with` makes the headers of a call of that session.
async function signIn(server, key, headers = own) {
  const reply = await server.request('POST', '/console/session', { body: { key }, headers });
  assert.equal(reply.status, 200, reply.text);
  const cookie = `penstock_session=${cookieOf(reply)}`;
  return { reply, cookie, csrf: reply.json.csrf, headers: { ...own, cookie, 'x-csrf-token': reply.json.csrf } };
}

const named = (reply) => `${reply.status} ${reply.json?.error?.code ?? ''}`.trim();

test('sessions', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const [client, reviewer, admin] = await Promise.all(
    ['client', 'reviewer', 'admin'].map((role) => createKey(store, `the-${role}`, role)),
  );
  const server = await serve(t, { auth: { required: true }, endpoints }, { store });
  const show = (headers) => server.get('/console/session', { headers });

  await t.test('a key gives a cookie that stands for its role', async () => {
    for (const [key, role] of [
      [client, 'client'],
      [reviewer, 'reviewer'],
      [admin, 'admin'],
    ]) {
      const { reply, headers, csrf } = await signIn(server, key);
      assert.deepEqual(reply.json, { client: `the-${role}`, role, csrf, authentication: true, simulators: [] });
      const attributes = reply.headers['set-cookie'][0];
      for (const wanted of ['; HttpOnly', '; SameSite=Strict', '; Path=/', '; Max-Age=43200'])
        assert.ok(attributes.includes(wanted), `${attributes} lacks ${wanted}`);
      assert.doesNotMatch(attributes, /Secure/, 'a plain loopback');
      assert.equal(reply.headers['cache-control'], 'no-store');
      assert.match(cookieOf(reply), /^[A-Za-z0-9_-]{43}$/);
      assert.deepEqual((await show({ cookie: headers.cookie })).json, reply.json);
      const review = await server.get('/v1/review', { headers: { cookie: headers.cookie } });
      assert.equal(review.status, role === 'client' ? 403 : 200);
      const answer = await server.predict('tickets', { text: billingText }, { headers });
      assert.equal(answer.status, 200, answer.text);
    }
  });

  await t.test('Secure where a proxy says that the browser speaks TLS', async () => {
    const { reply } = await signIn(server, client, { ...own, 'x-forwarded-proto': 'https' });
    assert.match(reply.headers['set-cookie'][0], /; Secure/);
  });

  await t.test('what changes something needs the token, and our own page', async () => {
    const { cookie, csrf } = await signIn(server, admin);
    const other = (await signIn(server, admin)).csrf;
    const post = (headers) =>
      server.request('POST', '/v1/feedback', { body: { request_id: 'x', correct: true }, headers: { cookie, ...headers } });
    const host = `127.0.0.1:${server.port}`;
    for (const [headers, wanted] of [
      [{ ...own, 'x-csrf-token': csrf }, '404 not_found'], // passed: there is no such request
      [{ origin: `http://${host}`, 'x-csrf-token': csrf }, '404 not_found'],
      [own, '403 wrong_csrf_token'],
      [{ ...own, 'x-csrf-token': '' }, '403 wrong_csrf_token'],
      [{ ...own, 'x-csrf-token': csrf.slice(1) }, '403 wrong_csrf_token'],
      [{ ...own, 'x-csrf-token': other }, '403 wrong_csrf_token'],
      [{ 'x-csrf-token': csrf }, '403 other_origin'],
      [{ 'sec-fetch-site': 'cross-site', 'x-csrf-token': csrf }, '403 other_origin'],
      [{ 'sec-fetch-site': 'same-site', 'x-csrf-token': csrf }, '403 other_origin'],
      [{ 'sec-fetch-site': 'none', 'x-csrf-token': csrf }, '403 other_origin'],
      [{ 'sec-fetch-site': 'cross-site', origin: `http://${host}`, 'x-csrf-token': csrf }, '403 other_origin'],
      [{ origin: 'http://evil.example', 'x-csrf-token': csrf }, '403 other_origin'],
      [{ origin: `http://${host}.evil.example`, 'x-csrf-token': csrf }, '403 other_origin'],
      [{ origin: 'null', 'x-csrf-token': csrf }, '403 other_origin'],
    ])
      assert.equal(named(await post(headers)), wanted, JSON.stringify(headers));
    assert.equal(named(await server.predict('tickets', { text: billingText }, { headers: { cookie } })), '403 other_origin');
    const chat = { headers: { cookie }, body: { model: 'x', messages: [{ role: 'user', content: 'x' }] } };
    assert.equal(named(await server.request('POST', '/v1/chat/completions', chat)), '403 other_origin');
    assert.equal((await server.get('/v1/review', { headers: { cookie } })).status, 200, 'reading needs neither');
  });

  await t.test('a key that comes along goes before the cookie', async () => {
    const { headers } = await signIn(server, client);
    assert.equal((await server.get('/v1/review', { headers, key: reviewer })).status, 200);
    assert.equal(named(await server.get('/v1/review', { headers, key: 'psk_wrong' })), '401 invalid_api_key');
    assert.equal((await server.get('/console/session', { headers, key: reviewer })).json.csrf, '');
  });

  await t.test('signing out ends it', async () => {
    const { headers, cookie } = await signIn(server, admin);
    assert.equal(named(await server.request('DELETE', '/console/session', { headers: { cookie, ...own } })), '403 wrong_csrf_token');
    const out = await server.request('DELETE', '/console/session', { headers });
    assert.equal(out.status, 200);
    assert.match(out.headers['set-cookie'][0], /penstock_session=; .*Max-Age=0/);
    assert.equal(named(await show({ cookie })), '401 session_ended');
    assert.equal(named(await server.request('DELETE', '/console/session', { headers })), '401 session_ended');
  });

  await t.test('cookies that are none of ours', async () => {
    const { cookie } = await signIn(server, admin);
    for (const [text, wanted] of [
      ['penstock_session=x', '401 session_ended'],
      [`penstock_session=${'A'.repeat(43)}`, '401 session_ended'],
      [`penstock_session=${'A'.repeat(9000)}`, '401 session_ended'],
      [`${cookie}x`, '401 session_ended'],
      ['penstock_session=', '401 missing_api_key'],
      ['penstock_session', '401 missing_api_key'],
      [`penstock_sessions=${cookie.slice(17)}`, '401 missing_api_key'],
      [';;;=;;', '401 missing_api_key'],
      [`a=b; ${cookie}; c=d`, '200'],
      [`a="b;${cookie}`, '200'],
    ])
      assert.equal(named(await show({ cookie: text })), wanted, text.slice(0, 80));
  });

  await t.test('a revoked key ends its sessions, and those of no other', async () => {
    const key = await createKey(store, 'leaver', 'admin');
    await until('the new key', async () => (await server.get('/v1/endpoints', { key })).status === 200);
    const { cookie } = await signIn(server, key), stays = await signIn(server, admin);
    const rows = JSON.parse((await command(['keys', 'list', '--json', '--store', store])).stdout);
    await command(['keys', 'revoke', rows.find((row) => row.client === 'leaver').id, '--store', store]);
    await until('the end of the session', async () => named(await show({ cookie })) === '401 session_ended');
    assert.equal((await show({ cookie: stays.cookie })).status, 200);
  });

  await t.test('a key has sixteen sessions at most: its oldest makes room', async () => {
    const key = await createKey(store, 'many', 'client');
    await until('the new key', async () => (await server.get('/v1/endpoints', { key })).status === 200);
    const all = [];
    for (let i = 0; i < 17; i++) all.push(await signIn(server, key));
    assert.equal(named(await show({ cookie: all[0].cookie })), '401 session_ended');
    for (const { cookie } of all.slice(1)) assert.equal((await show({ cookie })).status, 200);
  });

  await t.test('neither keys nor sessions are in the log', async () => {
    const { cookie } = await signIn(server, admin);
    await server.logged('session.began');
    assert.ok(!server.stderr.includes(cookie.slice(17)) && !server.stderr.includes(admin.slice(4)));
  });

  await t.test('wrong keys are refused, and after ten of them everybody from there waits', async () => {
    const attempt = (body, headers = own) => server.request('POST', '/console/session', { body, headers });
    for (const body of [{}, { key: '' }, { key: 1 }, [], 'no JSON', '']) assert.equal((await attempt(body)).status, 400);
    assert.equal((await attempt({ key: 'x'.repeat(5000) })).status, 413);
    assert.equal(named(await attempt({ key: admin }, { 'sec-fetch-site': 'cross-site' })), '403 other_origin');
    for (let i = 0; i < 10; i++) assert.equal(named(await attempt({ key: `psk_${i}` })), '401 invalid_api_key');
    const refused = await attempt({ key: admin });
    assert.equal(named(refused), '429 rate_limit_exceeded');
    assert.ok(Number(refused.headers['retry-after']) > 0 && Number(refused.headers['retry-after']) <= 60);
    assert.equal((await server.get('/v1/review', { key: admin })).status, 200, 'calls with a key go on');
  });
});

test('sessions end with time', { timeout: 300_000 }, async (t) => {
  const store = folder(t);
  const key = await createKey(store, 'ann', 'reviewer');
  const auth = { required: true, session_idle: '1s', session_lifetime: '3s' };
  const server = await serve(t, { auth }, { store });
  const alive = async ({ cookie }) => (await server.get('/console/session', { headers: { cookie } })).status === 200;
  let left, used, begun;
  // True: it was used all the time. Otherwise the machine had something else to do, and it is tried again.
  const use = async () => {
    [left, used] = [await signIn(server, key), await signIn(server, key)];
    begun = Date.now();
    for (let last = begun; Date.now() - begun < 2000; await sleep(50)) {
      const before = Date.now(),
        well = await alive(used);
      if (Date.now() - last > 900) return false;
      assert.ok(well, 'who uses it stays signed in');
      last = before;
    }
    return true;
  };
  await until('a session in use for two seconds', use);
  assert.ok(!(await alive(left)), 'who does not is signed out after one second');
  await sleep(begun + 3200 - Date.now());
  assert.ok(!(await alive(used)), 'after three seconds in any case');
});

test('without authentication everybody on the loopback is the administrator', { timeout: 300_000 }, async (t) => {
  const server = await serve(t, {});
  const local = { client: 'local', role: 'admin', csrf: '', authentication: false, simulators: [] };
  assert.deepEqual((await server.get('/console/session')).json, local);
  const signed = await server.request('POST', '/console/session', { body: { key: 'anything' } });
  assert.deepEqual([signed.json, signed.headers['set-cookie']], [local, undefined]);

  const label = (headers) => server.request('POST', '/v1/review/x', { body: { label: 'a' }, headers });
  const port = server.port;
  for (const [headers, wanted] of [
    [{}, '404 not_found'], // passed: there is no such item
    [own, '404 not_found'],
    [{ 'sec-fetch-site': 'none' }, '404 not_found'],
    [{ host: `localhost:${port}`, origin: `http://localhost:${port}` }, '404 not_found'],
    [{ host: `[::1]:${port}` }, '404 not_found'],
    [{ 'sec-fetch-site': 'cross-site' }, '403 other_origin'],
    [{ origin: 'http://evil.example' }, '403 other_origin'],
    [{ host: `evil.example:${port}`, origin: `http://evil.example:${port}` }, '403 other_origin'],
    [{ host: 'localhost.evil.example' }, '403 other_origin'],
  ])
    assert.equal(named(await label(headers)), wanted, JSON.stringify(headers));
  assert.equal(named(await server.get('/v1/review', { headers: { host: 'evil.example' } })), '403 other_origin');
});
