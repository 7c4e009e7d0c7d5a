// The description of the surface: whole, in step with the routes and the error codes of the sources, and served.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { document, problems, resolve } from './openapi.mjs';
import { root, serve } from './penstock.mjs';

const source = (name) => fs.readFileSync(`${root}src/${name}`, 'utf8');

function* nodes(node) {
  if (node === null || typeof node !== 'object') return;
  yield node;
  for (const inner of Object.values(node)) yield* nodes(inner);
}

test('every reference points at something', () => {
  const references = [...nodes(document)].filter((node) => typeof node.$ref === 'string');
  assert.ok(references.length > 50);
  for (const { $ref } of references) resolve($ref);
});

test('every route of the source is described, and nothing else', () => {
  const text = source('api/service.c');
  const routes = [...text.matchAll(/\{METHOD_(\w+), "([^"]+)", (0|ROLE_\w+)/g)].map(([, method, path, role]) => ({
    method,
    path,
    open: role === '0',
  }));
  routes.push({ method: 'POST', path: '/v1/endpoints/*/predict', open: false }); // these have ways of their own
  for (const path of ['/v2/models/*/infer', '/v2/models/*/versions/*/infer']) routes.push({ method: 'POST', path, open: false });
  const chats = /chat_paths\[\] = \{([^;]+)\};/.exec(text)[1];
  for (const [, path] of chats.matchAll(/"([^"]+)"/g)) routes.push({ method: 'POST', path, open: false });
  const name = ({ method, path }) => `${method} ${path.replace(/\{\w+\}/g, '*')}`;
  const described = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([key]) => key !== 'parameters')
      .map(([method, operation]) => ({ method: method.toUpperCase(), path, open: operation.security?.length === 0 })),
  );
  assert.deepEqual(described.map(name).sort(), routes.map(name).sort());
  for (const operation of described)
    assert.equal(
      operation.open,
      routes.find((route) => name(route) === name(operation)).open,
      `who may call ${name(operation)}`,
    );
});

test('every path parameter is named, every operation says what it answers', () => {
  const ids = new Set();
  for (const [path, item] of Object.entries(document.paths)) {
    const named = (item.parameters ?? [])
      .map((parameter) => (parameter.$ref ? resolve(parameter.$ref) : parameter))
      .filter((parameter) => parameter.in === 'path');
    assert.deepEqual(
      named.map((parameter) => `{${parameter.name}}`),
      path.match(/\{\w+\}/g) ?? [],
      path,
    );
    for (const [method, operation] of Object.entries(item).filter(([key]) => key !== 'parameters')) {
      assert.ok(operation.summary && operation.responses['200'], `${method} ${path}`);
      assert.ok(!ids.has(operation.operationId), `${operation.operationId} is there twice`);
      ids.add(operation.operationId);
    }
  }
});

test('every error code that a client can see stands at its status, with its type', () => {
  const operators = ['cancelled', 'configuration', 'input_output', 'data', 'artefact', 'usage'];
  const table = [...source('base/error.h').matchAll(/X\(ERR_\w+, (\d+), "(\w+)", "(\w+)", [01]\)/g)].map(
    ([, status, code, type]) => ({ status, code, type }),
  );
  const seen = table.filter(({ code }) => !operators.includes(code));
  assert.ok(seen.length >= 36);
  const byStatus = {};
  for (const { status, code } of seen) (byStatus[status] ??= []).push(code);
  const described = {};
  for (const item of Object.values(document.paths))
    for (const operation of Object.values(item).filter((value) => value.responses))
      for (const [status, response] of Object.entries(operation.responses).filter(([status, value]) => value.$ref && status !== 'default'))
        described[status] = resolve(response.$ref).content[
          'application/json'
        ].schema.properties.error.properties.code.enum;
  assert.deepEqual(described, byStatus);
  const { code, type } = resolve('#/components/schemas/Error').properties.error.properties;
  assert.deepEqual(
    code.enum,
    seen.map((row) => row.code),
  );
  assert.deepEqual(new Set(type.enum), new Set(seen.map((row) => row.type)));
});

test('the stages are those of the pipeline', () => {
  const list = /predict_stages\[\] = \{([^}]+)\}/.exec(source('pipeline/pipeline.c'))[1];
  const names = [...list.matchAll(/&stage_(\w+)/g)].map(([, name]) => name);
  assert.deepEqual(resolve('#/components/schemas/Prediction').properties.stages.propertyNames.enum, names);
});

test('the checker sees what is missing, too much and of the wrong type', () => {
  const schema = { $ref: '#/components/schemas/Label' };
  assert.deepEqual(problems(schema, { label: 'a', confidence: 0.5 }), []);
  for (const wrong of [
    { label: 'a' },
    { label: 'a', confidence: 0.5, more: 1 },
    { label: 1, confidence: 0.5 },
    { label: 'a', confidence: 2 },
  ])
    assert.equal(problems(schema, wrong).length, 1, JSON.stringify(wrong));
});

test('the server serves it as it is', async (t) => {
  const server = await serve(t, {});
  assert.deepEqual((await server.get('/openapi.json')).json, document);
});
