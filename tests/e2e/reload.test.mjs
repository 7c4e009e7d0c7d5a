// Changing a running server: SIGHUP changes everything or nothing, new versions are picked up, SIGTERM drains.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command, folder, serve, storeWithModels, train, until } from './penstock.mjs';
import { billingText, scribbles, texts } from './samples.mjs';

const tickets = { rollout: [{ model: 'tickets@1' }], accept_threshold: 0 };

test('reload', { timeout: 300_000 }, async (t) => {
  const store = await storeWithModels(t);
  const server = await serve(
    t,
    { endpoints: { tickets, newest: { ...tickets, rollout: [{ model: 'tickets' }] } } },
    { store },
  );
  const reference = async (endpoint = 'tickets') =>
    (await server.answer(endpoint, { text: `${billingText} ${Math.random()}` })).model;

  await t.test('a good change is in force at once', async () => {
    const whole = structuredClone(server.config);
    whole.endpoints.tickets.rollout = [{ model: 'tickets@2' }];
    whole.endpoints.added = tickets;
    await server.reload(whole);
    assert.equal(server.log('config.reloaded').length, 1);
    assert.deepEqual([await reference(), await reference('added')], ['tickets@2', 'tickets@1']);
    await server.reload(server.config);
    assert.equal(await reference(), 'tickets@1');
    await server.refused('added', { text: 'x' }, 404, 'not_found');
  });

  const broken = {
    'no YAML': ['endpoints: [', /yaml:\d+:\d+/],
    'an unknown key': [(c) => (c.endpoints.tickets.acceptthreshold = 0.5), /yaml:\d+:\d+: .*accept_threshold/],
    'a value out of its range': [(c) => (c.limits = { rate: 0 }), /yaml:\d+:\d+: .*rate/],
    'a version that is not there': [
      (c) => (c.endpoints.tickets.rollout = [{ model: 'tickets@9' }]),
      /yaml:\d+:\d+: .*tickets/,
    ],
    'a model that is not there': [
      (c) => (c.endpoints.tickets.rollout = [{ model: 'tickest' }]),
      /yaml:\d+:\d+: .*tickets/,
    ],
    'rules that do not compile': [
      (c, dir) => {
        fs.writeFileSync(path.join(dir, 'bad.lua'), 'function verify(r)\n  return tru(\nend');
        c.endpoints.tickets.rules = path.join(dir, 'bad.lua');
      },
      /bad\.lua:[23]/,
    ],
    'weights that make no whole': [
      (c) =>
        (c.endpoints.tickets.rollout = [
          { model: 'tickets@1', weight: '50%' },
          { model: 'tickets@2', weight: '40%' },
        ]),
      /yaml:\d+:\d+: .*100/,
    ],
    'something that only a restart can change': [(c) => (c.cache = { size: '1MB' }), /cache\.size.*restart/],
  };
  const dir = folder(t);
  for (const [name, [change, message]] of Object.entries(broken))
    await t.test(`nothing changes with ${name}, and the log says where it is`, async () => {
      const whole = structuredClone(server.config);
      whole.endpoints.newest = { ...tickets, description: 'must not appear' };
      if (typeof change === 'function') change(whole, dir);
      const refusals = server.log('config.refused').length;
      const lines = server.log().length;
      await server.reload(typeof change === 'function' ? whole : change);
      assert.ok(server.log('config.refused').length > refusals);
      const said = server
        .log()
        .slice(lines)
        .map((line) => line.message)
        .join('\n');
      assert.match(said, message);
      assert.equal(await reference(), 'tickets@1');
      const list = (await server.get('/v1/endpoints')).json.data;
      assert.deepEqual(
        list.map((endpoint) => endpoint.description),
        [null, null],
      );
    });

  await t.test('a new version is picked up without restart or reload, where no version is named', async () => {
    assert.equal(await reference('newest'), 'tickets@2');
    assert.equal(await train(store, 'tickets', texts(60, 9), '--folds', '2'), 'tickets@3');
    await until('tickets@3', async () => (await reference('newest')) === 'tickets@3');
    assert.equal(await reference('tickets'), 'tickets@1');
  });

  await t.test('what could not be taken up, since a file was broken just then, is so once it is whole', async () => {
    const rules = path.join(dir, 'verify.lua'),
      whole = structuredClone(server.config);
    const write = (text) => fs.writeFileSync(rules, `function verify(r) ${text}`);
    write('return true end');
    whole.endpoints.tickets.rules = rules;
    await server.reload(whole);
    write('return tru(');
    await command(['models', 'alias', 'tickets@1', 'stable', '--store', store]);
    await server.logged('config.problem', ({ message }) => message.includes('verify.lua'));
    assert.equal(await reference('newest'), 'tickets@3');
    write('return true end');
    await until('tickets@1', async () => (await reference('newest')) === 'tickets@1');
    await server.reload(server.config);
  });

  await t.test('requests go on while configurations change', async () => {
    let ended = false,
      count = 0;
    const caller = async () => {
      while (!ended) {
        await server.answer('tickets', { text: `${billingText} ${count++}` });
      }
    };
    const callers = [caller(), caller(), caller(), caller()];
    for (let i = 0; i < 10; i++) {
      const whole = structuredClone(server.config);
      whole.endpoints.tickets.rollout = [{ model: `tickets@${1 + (i % 2)}` }];
      await server.reload(whole);
    }
    await until('requests meanwhile', () => count > 20);
    ended = true;
    await Promise.all(callers);
  });

  await t.test('a configuration that does not validate does not start: 2, with file and line', async () => {
    const file = path.join(dir, 'broken.yaml');
    fs.writeFileSync(file, 'endpoints:\n  tickets:\n    rollot:\n      - model: tickets\n');
    for (const verb of [
      ['serve', '-c', file],
      ['config', 'check', file],
      ['config', 'check', '-c', file],
    ]) {
      const { stderr, stdout, code } = await command(verb, { code: null });
      if (/Usage/.test(stderr) && verb[0] === 'config') continue; // one of the two ways to name the file
      assert.equal(code, 2, verb.join(' '));
      assert.match(stderr + stdout, /broken\.yaml:3:\d+: .*rollot.*"?rollout"?/s);
    }
  });
});

test('a signal is heard as soon as the server listens', { timeout: 300_000 }, async (t) => {
  for (let i = 0; i < 3; i++) {
    const server = await serve(t, { endpoints: {} });
    server.child.kill('SIGHUP');
    await server.stop();
  }
});

test('SIGTERM', { timeout: 300_000 }, async (t) => {
  await t.test(
    'requests in flight are answered, new ones are not taken, the end is clean',
    async (t) => {
      const store = await storeWithModels(t);
      const server = await serve(
        t,
        {
          endpoints: { scans: { accepts: 'file', ...tickets, ocr: 'always', deadline: '60s' } },
          parser: { workers: 1 },
        },
        { store },
      );
      const busy = server.parsing();
      const slow = server.predict('scans', scribbles(800, 600), {
        headers: { 'content-type': 'image/png' },
        agent: false,
      });
      await busy();
      server.terminate();
      await server.logged('server.draining');
      // The line is written just before the sockets are closed: a newcomer may still get through for a moment.
      const refused = await until('a refusal', () =>
        server.get('/healthz', { agent: false }).then(
          () => undefined,
          (error) => error,
        ),
      );
      assert.match(String(refused), /ECONNREFUSED|ECONNRESET/);
      const reply = await slow;
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.headers.connection, 'close');
      assert.ok(reply.json.stages.read > 0, 'it really was being read');
      await server.stop();
      assert.equal(server.log('server.ended').length, 1);
      assert.equal(server.log('server.cut').length, 0);
    },
  );
});
