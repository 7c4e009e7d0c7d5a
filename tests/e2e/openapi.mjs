// Reads src/api/openapi.json and checks real replies against it: the status must be one that the operation names, and
// the body must have just the fields that its schema names. Knows the keywords of JSON Schema that the document uses
// and throws at any other, so that nothing is passed over in silence.
import assert from 'node:assert/strict';
import fs from 'node:fs';

export const document = JSON.parse(fs.readFileSync(new URL('../../src/api/openapi.json', import.meta.url), 'utf8'));

export function resolve(reference) {
  assert.ok(reference.startsWith('#/'), `${reference} points outside of the document`);
  let at = document;
  for (const part of reference.slice(2).split('/')) at = at?.[part];
  assert.ok(at, `${reference} points at nothing`);
  return at;
}

const follow = (node) => (node?.$ref ? resolve(node.$ref) : node);

const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const hasType = (value, type) => typeOf(value) === type || (type === 'integer' && Number.isInteger(value));

// Each keyword: (its value, the instance, the place, the schema around it) to a list of problems.
const keywords = {
  $ref: (reference, value, at) => problems(resolve(reference), value, at),
  type: (types, value, at) =>
    [types].flat().some((type) => hasType(value, type)) ? [] : [`${at} is ${typeOf(value)}, not ${types}`],
  const: (wanted, value, at) => (value === wanted ? [] : [`${at} is ${JSON.stringify(value)}, not ${wanted}`]),
  enum: (list, value, at) => (list.includes(value) ? [] : [`${at} is ${JSON.stringify(value)}, not one of ${list}`]),
  required: (names, value, at) =>
    typeOf(value) !== 'object'
      ? []
      : names.filter((name) => !(name in value)).map((name) => `${at}.${name} is missing`),
  properties: (properties, value, at) =>
    typeOf(value) !== 'object'
      ? []
      : Object.entries(properties).flatMap(([name, schema]) =>
          name in value ? problems(schema, value[name], `${at}.${name}`) : [],
        ),
  additionalProperties: (allowed, value, at, schema) =>
    typeOf(value) !== 'object'
      ? []
      : Object.keys(value)
          .filter((name) => !(name in (schema.properties ?? {})))
          .flatMap((name) =>
            allowed === false ? [`${at}.${name} is not described`] : problems(allowed, value[name], `${at}.${name}`),
          ),
  propertyNames: (schema, value, at) =>
    Object.keys(value).flatMap((name) => problems(schema, name, `the name ${at}.${name}`)),
  items: (schema, value, at) =>
    typeOf(value) !== 'array' ? [] : value.flatMap((item, i) => problems(schema, item, `${at}[${i}]`)),
  maxItems: (most, value, at) => (value.length <= most ? [] : [`${at} has ${value.length} items, at most ${most}`]),
  oneOf: (schemas, value, at) => {
    const tried = schemas.map((schema) => problems(schema, value, at));
    const good = tried.filter((found) => found.length === 0).length;
    return good === 1 ? [] : [`${at} fits ${good} of ${schemas.length} schemas: ${tried.flat().join('; ')}`];
  },
  minimum: (least, value, at) => (value === null || value >= least ? [] : [`${at} is ${value}, below ${least}`]),
  maximum: (most, value, at) => (value === null || value <= most ? [] : [`${at} is ${value}, above ${most}`]),
  minLength: (least, value, at) => (value.length >= least ? [] : [`${at} is too short`]),
  maxLength: (most, value, at) => (value.length <= most ? [] : [`${at} is too long`]),
  pattern: (pattern, value, at) =>
    new RegExp(pattern, 'u').test(value) ? [] : [`${at} is "${value}", not ${pattern}`],
  format: (format, value, at) =>
    format !== 'date-time' || value === null || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)
      ? []
      : [`${at} is "${value}", not a time`],
  description: () => [],
  contentMediaType: () => [],
  default: () => [],
};

export function problems(schema, value, at = 'body') {
  const found = [];
  for (const [name, wanted] of Object.entries(schema)) {
    assert.ok(name in keywords, `the schema at ${at} has the keyword "${name}", which is not known here`);
    found.push(...keywords[name](wanted, value, at, schema));
    if (name === 'type' && found.length) break;
  }
  return found;
}

// {operation, template} for a path such as /v1/review/01J…, or undefined. The template is the pattern in the document.
export function operationOf(method, path) {
  const plain = path.split('?')[0];
  for (const [template, item] of Object.entries(document.paths)) {
    const pattern = new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
    if (pattern.test(plain)) return { operation: item[method.toLowerCase()], template };
  }
  return undefined;
}

const headerProblems = (described, headers) =>
  Object.entries(described ?? {}).flatMap(([name, header]) => {
    const schema = follow(header).schema;
    if (!(name in headers)) return name === 'x-request-id' || name === 'www-authenticate' ? [`${name} is missing`] : [];
    const text = headers[name];
    return problems(schema, schema.type === 'integer' ? Number(text) : text, `header ${name}`);
  });

// Throws when a reply is not as the document says. `reply`: {method, path, status, headers, text}.
export function checkReply(reply) {
  const { method, path, status, headers, text } = reply;
  const what = `${method} ${path} answered ${status} ${text.slice(0, 600)}`;
  const operation = operationOf(method === 'HEAD' ? 'GET' : method, path)?.operation;
  const shape = /^\/v2(\/|$)/.test(path) ? 'OipError' : 'Error';
  const error = {
    headers: { 'x-request-id': { $ref: '#/components/headers/RequestId' } },
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${shape}` } } },
  };
  const response = operation ? follow(operation.responses[status] ?? operation.responses.default) : error;
  assert.ok(response, `${what}\nwhich the description does not name`);
  assert.ok(operation || status === 404 || status === 405 || status === 400, `${what}\nbut is not described at all`);
  const found = headerProblems(response.headers, headers);
  const given = headers['content-type']?.split(';')[0];
  const [type, content] = Object.entries(response.content).find(([name]) => name === given) ?? Object.entries(response.content)[0];
  if (given !== type)
    found.push(`the content type is ${headers['content-type']}, not ${type}`);
  if (method !== 'HEAD' && type === 'application/json') {
    const body = JSON.parse(text);
    found.push(...problems(content.schema, body));
    const named = !body.error || typeof body.error === 'string' || status === 200 ? headers['x-request-id'] : body.error?.request_id;
    if (named !== headers['x-request-id'])
      found.push(`the body names request ${named}, the header ${headers['x-request-id']}`);
  }
  assert.deepEqual(found, [], what);
}
