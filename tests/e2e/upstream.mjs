// A scripted upstream: speaks OpenAI's APIs (and what a test makes it say), plays each way of failing, and remembers what it
// was asked. What it does with a request, the requested model's name says: a script of words joined by "+", such as
// "ok", "error500", "rate", "quota", "hang", "cut", "drip", "garbage", "slow", "late", or a function given as `answer`.
import http from 'node:http';
import https from 'node:https';
import { atEnd, sleep } from './penstock.mjs';

const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 } };

export const completion = (content, more = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1700000000,
  model: 'scripted-1',
  choices: [{ index: 0, message: { role: 'assistant', content, ...more.message }, finish_reason: more.finish ?? 'stop', logprobs: null }],
  usage,
});

const chunk = (delta, finish = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1700000000,
  model: 'scripted-1',
  choices: [{ index: 0, delta, finish_reason: finish }],
});

const event = (data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

export const words = ['Hello', ' from', ' the script.'];
export const sentence = words.join('');

const fail = (reply, status, error, headers = {}) => {
  reply.writeHead(status, { 'content-type': 'application/json', ...headers });
  reply.end(JSON.stringify({ error }));
};

async function stream(body, reply, script) {
  reply.writeHead(200, { 'content-type': 'text/event-stream' });
  const tools = body.tools?.length && script !== 'cut';
  reply.write(event(chunk({ role: 'assistant', content: '' })));
  if (tools) {
    const call = { index: 0, id: 'call_1', type: 'function', function: { name: body.tools[0].function.name, arguments: '' } };
    reply.write(event(chunk({ tool_calls: [call] })));
    for (const piece of ['{"city":', '"Ulm"}']) reply.write(event(chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] })));
  }
  for (const [i, word] of (tools ? [] : words).entries()) {
    if (script === 'drip') for (const byte of event(chunk({ content: word }))) reply.write(byte), await sleep(1);
    else reply.write(event(chunk({ content: word })));
    if (i === 1 && script === 'cut') return sleep(30).then(() => reply.destroy());
    if (i === 1 && script === 'stall') return;
    if (i === 1 && script === 'errorevent') return reply.end(event({ error: { message: 'it broke', type: 'server_error' } }));
    if (i === 1 && script === 'brokenevent') return reply.end(event('{"choices": [{'));
    if (i === 1 && script === 'nodone') return reply.end();
    await sleep(5);
  }
  reply.write(event(chunk({}, tools ? 'tool_calls' : 'stop')));
  if (body.stream_options?.include_usage) reply.write(event({ ...chunk({}), choices: [], usage }));
  reply.end(event('[DONE]'));
}

function whole(body, reply) {
  reply.writeHead(200, { 'content-type': 'application/json' });
  if (body.input !== undefined && !body.instructions && body.object !== 'response' && reply.req.url.endsWith('/embeddings')) {
    const inputs = [body.input].flat();
    const data = inputs.map((_, index) => ({ object: 'embedding', index, embedding: [0.25, -0.5, 1] }));
    return reply.end(JSON.stringify({ object: 'list', data, model: 'scripted-1', usage: { prompt_tokens: 5, total_tokens: 5 } }));
  }
  if (reply.req.url.endsWith('/completions') && body.prompt !== undefined)
    return reply.end(JSON.stringify({ ...completion(''), object: 'text_completion', choices: [{ index: 0, text: sentence, finish_reason: 'stop', logprobs: null }] }));
  const call = body.tools?.length && { id: 'call_1', type: 'function', function: { name: body.tools[0].function.name, arguments: '{"city":"Ulm"}' } };
  const answer = call
    ? completion(null, { message: { tool_calls: [call] }, finish: 'tool_calls' })
    : completion(body.response_format?.type === 'json_schema' ? '{"city":"Ulm","people":126000}' : sentence);
  reply.end(JSON.stringify(answer));
}

// The same answers as Anthropic's messages say them.
async function anthropic(body, reply) {
  const counts = { input_tokens: 8, cache_read_input_tokens: 4, cache_creation_input_tokens: 0, output_tokens: 3 };
  const tool = body.tools?.length && { type: 'tool_use', id: 'toolu_1', name: body.tools[0].name, input: { city: 'Ulm' } };
  const stop_reason = tool ? 'tool_use' : 'end_turn';
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'scripted-1', stop_sequence: null };
  if (!body.stream) {
    reply.writeHead(200, { 'content-type': 'application/json' });
    return reply.end(JSON.stringify({ ...message, content: [tool || { type: 'text', text: sentence }], stop_reason, usage: counts }));
  }
  const say = (data) => reply.write(`event: ${data.type}\n${event(data)}`);
  reply.writeHead(200, { 'content-type': 'text/event-stream' });
  say({ type: 'message_start', message: { ...message, content: [], stop_reason: null, usage: { ...counts, output_tokens: 1 } } });
  say({ type: 'content_block_start', index: 0, content_block: tool ? { ...tool, input: {} } : { type: 'text', text: '' } });
  say({ type: 'ping' });
  if (tool) for (const partial_json of ['{"city":', '"Ulm"}']) say({ type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json } });
  else for (const text of words) say({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
  say({ type: 'content_block_stop', index: 0 });
  say({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 3 } });
  say({ type: 'message_stop' });
  reply.end();
}

async function play(script, body, request, reply) {
  const [word, number] = /^([a-z]+)(\d*)$/.exec(script)?.slice(1) ?? ['ok', ''];
  switch (word) {
    case 'error': return fail(reply, Number(number), { message: `scripted ${number}`, type: 'server_error', code: null, param: null });
    case 'invalid': return fail(reply, 400, { message: 'no such thing', type: 'invalid_request_error', code: 'invalid_value', param: 'messages[0].content' });
    case 'rate': return fail(reply, 429, { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' }, { 'retry-after': number || '1' });
    case 'quota': return fail(reply, 429, { message: 'no money', type: 'insufficient_quota', code: 'insufficient_quota' });
    case 'length': return fail(reply, 400, { message: "This model's maximum context length is 9 tokens.", type: 'invalid_request_error', code: 'context_length_exceeded' });
    case 'twohundred': return reply.writeHead(200, { 'content-type': 'application/json' }).end('{"error":{"message":"not really","type":"server_error"}}');
    case 'hang': return;
    case 'reset': return request.socket.resetAndDestroy();
    case 'garbage': return request.socket.end('this is not HTTP\r\n\r\n');
    case 'badjson': return reply.writeHead(200, { 'content-type': 'application/json' }).end('{"choices": [');
    case 'badutf': return reply.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from('{"choices":[{"message":{"content":"\xff\xfe"}}]}', 'latin1'));
    case 'short': return request.socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"choices":[]}');
    case 'late': await sleep(Number(number)); break;
  }
  if (reply.req.url.endsWith('/messages')) await anthropic(body, reply);
  else if (body.stream) await stream(body, reply, word);
  else whole(body, reply);
}

// {url, asked (what came, in order), left (how many clients went before their reply was whole)}. Options: tls ({key, cert}).
export async function upstream(t, { tls } = {}) {
  const asked = [];
  const counts = { left: 0 };
  const turns = new Map();
  const handle = (request, reply) => {
    const chunks = [];
    reply.on('close', () => (counts.left += !reply.writableFinished));
    request.on('data', (bytes) => chunks.push(bytes));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString());
      asked.push({ body, headers: request.headers, url: request.url, port: request.socket.remotePort });
      // "error500+ok": the first request fails, all later ones do not.
      const scripts = body.model.split('+');
      const turn = turns.get(body.model) ?? 0;
      turns.set(body.model, turn + 1);
      play(scripts[Math.min(turn, scripts.length - 1)], body, request, reply).catch(() => {});
    });
  };
  const server = tls ? https.createServer(tls, handle) : http.createServer(handle);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(t, () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  });
  const { port } = server.address();
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/v1`, asked, counts, server };
}
