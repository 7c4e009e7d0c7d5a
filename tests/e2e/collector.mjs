// A collector of traces: takes OTLP over HTTP in both encodings and checks the shape of each span.
import assert from 'node:assert/strict';
import http from 'node:http';
import { atEnd } from './penstock.mjs';

// https://github.com/open-telemetry/opentelemetry-proto: the messages by the numbers of their fields, as the JSON mapping
// names them. `list`: repeated. Anything that is not here is an error.
const types = {
  ExportTraceServiceRequest: { 1: ['resourceSpans', 'ResourceSpans', 'list'] },
  ResourceSpans: { 1: ['resource', 'Resource'], 2: ['scopeSpans', 'ScopeSpans', 'list'] },
  Resource: { 1: ['attributes', 'KeyValue', 'list'] },
  ScopeSpans: { 1: ['scope', 'Scope'], 2: ['spans', 'Span', 'list'] },
  Scope: { 1: ['name', 'string'], 2: ['version', 'string'] },
  Span: {
    1: ['traceId', 'bytes'],
    2: ['spanId', 'bytes'],
    4: ['parentSpanId', 'bytes'],
    5: ['name', 'string'],
    6: ['kind', 'enum'],
    7: ['startTimeUnixNano', 'fixed64'],
    8: ['endTimeUnixNano', 'fixed64'],
    9: ['attributes', 'KeyValue', 'list'],
    15: ['status', 'Status'],
  },
  Status: { 2: ['message', 'string'], 3: ['code', 'enum'] },
  KeyValue: { 1: ['key', 'string'], 2: ['value', 'AnyValue'] },
  AnyValue: { 1: ['stringValue', 'string'], 3: ['intValue', 'int64'], 4: ['doubleValue', 'double'] },
};
for (const fields of Object.values(types)) for (const field of Object.values(fields)) field[1] = types[field[1]] ?? field[1];

function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    assert.ok(at < bytes.length && shift < 70n, 'a number ends');
    const byte = bytes[at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}

// A length, or the value itself, and where the next field begins.
function content(bytes, wire, at) {
  if (wire === 0) return varint(bytes, at);
  if (wire === 1) return [bytes.subarray(at, at + 8), at + 8];
  assert.equal(wire, 2);
  const [length, from] = varint(bytes, at);
  return [bytes.subarray(from, from + Number(length)), from + Number(length)];
}

const wires = { bytes: 2, string: 2, enum: 0, int64: 0, fixed64: 1, double: 1 };
function scalar(value, type) {
  if (type === 'bytes') return value.toString('hex');
  if (type === 'string') return new TextDecoder('utf-8', { fatal: true }).decode(value);
  if (type === 'enum') return Number(value);
  if (type === 'int64') return String(BigInt.asIntN(64, value));
  return type === 'fixed64' ? String(value.readBigUInt64LE()) : value.readDoubleLE();
}

function message(bytes, fields) {
  const out = Object.fromEntries(Object.values(fields).filter((field) => field[2]).map(([name]) => [name, []]));
  for (let at = 0; at < bytes.length; ) {
    const [tag, behind] = varint(bytes, at);
    const field = fields[Number(tag >> 3n)], wire = Number(tag & 7n);
    assert.ok(field, `a field ${tag >> 3n}`);
    const [name, type, list] = field;
    const [value, next] = content(bytes, wire, behind);
    assert.ok(next <= bytes.length, 'a length that is not more than there is');
    assert.equal(wire, wires[type] ?? 2, name);
    const read = typeof type === 'string' ? scalar(value, type) : message(value, type);
    if (list) out[name].push(read);
    else {
      assert.ok(!(name in out), `${name} stands there once`);
      out[name] = read;
    }
    at = next;
  }
  return out;
}

const hex = (n) => new RegExp(`^(?!0+$)[0-9a-f]{${n}}$`);
const nanos = /^[1-9]\d{18}$/;

// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: IDs are hexadecimal, 64 bits are decimal texts,
// enumerations are numbers, keys lowerCamelCase; and nothing that the messages do not have.
function checkAttributes(list) {
  const keys = new Set();
  for (const { key, value, ...rest } of list) {
    assert.deepEqual(rest, {});
    assert.ok(!keys.has(key), `${key} stands there twice`);
    keys.add(key);
    const [[type, content], ...more] = Object.entries(value);
    assert.deepEqual(more, []);
    if (type === 'stringValue') assert.equal(typeof content, 'string');
    else if (type === 'intValue') assert.match(content, /^-?\d+$/);
    else if (type === 'doubleValue') assert.equal(typeof content, 'number');
    else assert.fail(`${key} is a ${type}`);
  }
}
function checkSpan(span) {
  const { traceId, spanId, parentSpanId, name, kind, startTimeUnixNano, endTimeUnixNano, attributes, status, ...rest } = span;
  assert.deepEqual(rest, {});
  assert.match(traceId, hex(32));
  assert.match(spanId, hex(16));
  if (parentSpanId !== undefined) assert.match(parentSpanId, hex(16));
  assert.ok(name.length > 0);
  assert.ok([1, 2, 3].includes(kind));
  assert.match(startTimeUnixNano, nanos);
  assert.match(endTimeUnixNano, nanos);
  assert.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano));
  checkAttributes(attributes);
  if (status) assert.deepEqual(Object.keys(status).sort(), ['code', 'message']);
  if (status) assert.equal(status.code, 2);
  return { ...span, at: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])) };
}

// `answer(response, number of the message)` replies, or does not.
export async function collector(t, answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}')) {
  const got = { spans: [], messages: 0, headers: [] };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      got.messages++;
      got.headers.push(request.headers);
      const bytes = Buffer.concat(chunks);
      const body = request.headers['content-type'] === 'application/x-protobuf' ? message(bytes, types.ExportTraceServiceRequest) : JSON.parse(bytes);
      assert.deepEqual(Object.keys(body), ['resourceSpans']);
      for (const { resource, scopeSpans } of body.resourceSpans) {
        checkAttributes(resource.attributes);
        assert.equal(resource.attributes[0].key, 'service.name');
        for (const { scope, spans } of scopeSpans) {
          assert.equal(scope.name, 'penstock');
          const checked = spans.map(checkSpan);
          answer(response, got.messages);
          if (response.statusCode === 200) got.spans.push(...checked);
        }
      }
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  got.url = `http://127.0.0.1:${server.address().port}/v1/traces`;
  return got;
}
