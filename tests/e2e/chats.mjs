// A server with chat endpoints in front of a scripted upstream: what the tests of language models begin with.
import { judges } from './judges.mjs';
import { serve, until } from './penstock.mjs';
import { upstream } from './upstream.mjs';

export const user = (content) => [{ role: 'user', content }];

// Scripts that make a caller wait: only these are given up soon.
const hangs = /hang|stall|headonly/;
const soon = { first_byte_timeout: '700ms', idle_timeout: '700ms' };
const hasty = (endpoint) => ({
  ...endpoint,
  rollout: endpoint.rollout?.map((one) => (one.upstream === 'main' && hangs.test(one.model) ? { ...one, upstream: 'hasty' } : one)),
});

// Endpoints by the script that their upstream plays: `fails` maps a name to a script. `kind`: what the upstream speaks.
// `how`: serve's options. Where `upstreamMore` says nothing of timeouts, scripts that hang are played by upstream "hasty", which
// is the same but for them.
export async function start(t, { kind = 'openai', fails = {}, more = {}, upstreamMore = {}, upstreams = {}, tls, says, ...config } = {}, how) {
  const up = await upstream(t, { tls, says });
  const chat = (script, rest = {}) => ({ kind: 'chat', rollout: [{ upstream: 'main', model: script }], ...rest });
  const scripted = Object.fromEntries(Object.entries(fails).map(([name, script]) => [name, chat(script)]));
  const main = {
    kind,
    url: up.url,
    first_byte_timeout: '30s',
    idle_timeout: '30s',
    retry: { base: '5ms', max: '20ms' },
    breaker: { minimum: 1000 },
    ...upstreamMore,
  };
  const dead = { kind: 'openai', url: 'http://127.0.0.1:1/v1', retry: { attempts: 1 } };
  let endpoints = { assistant: chat('ok'), ...scripted, ...more };
  if (!upstreamMore.first_byte_timeout && hangs.test(JSON.stringify(endpoints))) {
    upstreams = { hasty: { ...main, ...soon }, ...upstreams };
    endpoints = Object.fromEntries(Object.entries(endpoints).map(([name, endpoint]) => [name, hasty(endpoint)]));
  }
  const server = await serve(t, { upstreams: { main, dead, ...upstreams }, endpoints, ...config }, how);
  const post = (path, body, options) => server.request('POST', path, { body, check: false, agent: false, ...options });
  const ask = (model, rest, options) => post('/v1/chat/completions', { model, messages: user('Hello?'), ...rest }, options);
  return { up, server, post, ask };
}

// The official clients, pointed at a server. They do not retry: what they see is what Penstock said.
export const openaiClient = (server, more) => new judges.OpenAI({ baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: 'none', maxRetries: 0, ...more });
export const anthropicClient = (server, more) => new judges.Anthropic({ baseURL: `http://127.0.0.1:${server.port}`, apiKey: 'none', maxRetries: 0, ...more });

// What the store has of a request, when it has it.
export const recordOf = (server, id) =>
  until('the record', async () => {
    const found = await server.get(`/v1/requests/${id}`, { check: false });
    return found.status === 200 && found.json;
  });
