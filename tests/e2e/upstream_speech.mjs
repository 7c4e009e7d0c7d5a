// What the scripted upstream says when it works, in each API: whole answers, and streams as lists of events. The words are
// always the same, so that a test can say what a client must have read; the forms follow the providers' references.
export const words = ['Hello', ' from', ' the script.'];
export const sentence = words.join('');
// What a request that has tools is answered with, and one that wants a structure.
export const callArguments = '{"city":"Ulm"}';
export const structure = '{"city":"Ulm","people":126000}';

// OpenAI counts cached tokens among those of the prompt, Anthropic beside them: the same call in both ways.
export const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 } };
export const messagesUsage = { input_tokens: 8, cache_read_input_tokens: 4, cache_creation_input_tokens: 0, output_tokens: 3 };
const responsesUsage = { input_tokens: 12, input_tokens_details: { cached_tokens: 4 }, output_tokens: 3, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 15 };

const json = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
export const event = (data) => `data: ${json(data)}\n\n`;
export const namedEvent = (data) => `event: ${data.type}\ndata: ${json(data)}\n\n`;

const wantsStructure = (body) => (body.response_format ?? body.text?.format ?? body.output_config?.format)?.type === 'json_schema';
// The first tool, until its result is there.
const hasResult = (body) => /"(role":"tool|type":"tool_result|type":"function_call_output)"/.test(JSON.stringify(body.messages ?? body.input ?? ''));
const toolOf = (body) => (body.tools?.length && body.tool_choice !== 'none' && !hasResult(body) ? (body.tools[0].function?.name ?? body.tools[0].name) : undefined);
// A script may say something else: {text, logprob: of each token, or a list; finish: of a chat's answer}.
const inTwo = (text) => [text.slice(0, 9), text.slice(9)];
const textOf = (body) => body.says?.text ?? (wantsStructure(body) ? structure : sentence);
const piecesOf = (body) => (body.says || wantsStructure(body) ? inTwo(textOf(body)) : words);
const logprobAt = (list, i) => list[i] ?? list.at(-1);
const tokenOf = (body, token, i) => ({ token, logprob: logprobAt([body.says?.logprob ?? -0.1 * (i + 1)].flat(), i), bytes: [...Buffer.from(token)], top_logprobs: [] });
const logprobsOf = (body) => (body.logprobs ? { content: piecesOf(body).map((token, i) => tokenOf(body, token, i)), refusal: null } : null);
const partLogprobs = (body, pieces = piecesOf(body)) =>
  body.include?.includes('message.output_text.logprobs') ? pieces.map((token, i) => tokenOf(body, token, i)) : [];

// ---- chat completions ----

export const completion = (content, more = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1700000000,
  model: 'scripted-1',
  choices: [{ index: 0, message: { role: 'assistant', content, ...more.message }, finish_reason: more.finish ?? 'stop', logprobs: more.logprobs ?? null }],
  usage,
});

export const chunk = (delta, finish = null, more = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1700000000,
  model: 'scripted-1',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});

function wholeChat(body) {
  const name = toolOf(body);
  if (!name) {
    const answer = completion(textOf(body), { logprobs: logprobsOf(body), finish: body.says?.finish });
    answer.choices = Array.from({ length: body.n ?? 1 }, (_, index) => ({ ...answer.choices[0], index }));
    return answer;
  }
  return completion(null, { message: { tool_calls: [{ id: 'call_1', type: 'function', function: { name, arguments: callArguments } }] }, finish: 'tool_calls' });
}

function chatEvents(body) {
  const name = toolOf(body);
  const events = [event(chunk({ role: 'assistant', content: '' }))];
  if (name) {
    events.push(event(chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name, arguments: '' } }] })));
    for (const piece of ['{"city":', '"Ulm"}']) events.push(event(chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] })));
  } else {
    piecesOf(body).forEach((content, i) => {
      const said = chunk({ content });
      if (body.logprobs) said.choices[0].logprobs = { content: [tokenOf(body, content, i)], refusal: null };
      events.push(event(said));
    });
  }
  events.push(event(chunk({}, name ? 'tool_calls' : (body.says?.finish ?? 'stop'))));
  if (body.stream_options?.include_usage) events.push(event({ ...chunk({}), choices: [], usage }));
  return [...events, event('[DONE]')];
}

// ---- completions ----

const wholeLegacy = () => ({
  ...completion(''),
  id: 'cmpl-1',
  object: 'text_completion',
  choices: [{ index: 0, text: sentence, finish_reason: 'stop', logprobs: null }],
});

function legacyEvents(body) {
  const piece = (text, finish = null) => ({ ...wholeLegacy(), usage: undefined, choices: [{ index: 0, text, finish_reason: finish, logprobs: null }] });
  const events = words.map((word) => event(piece(word)));
  events.push(event(piece('', 'stop')));
  if (body.stream_options?.include_usage) events.push(event({ ...piece(''), choices: [], usage }));
  return [...events, event('[DONE]')];
}

// ---- Anthropic's messages ----

function wholeMessage(body) {
  const name = toolOf(body);
  const content = [{ type: 'text', text: name ? 'I look.' : textOf(body) }];
  if (name) content.push({ type: 'tool_use', id: 'toolu_1', name, input: JSON.parse(callArguments) });
  return { id: 'msg_1', type: 'message', role: 'assistant', model: 'scripted-1', content, stop_reason: name ? 'tool_use' : 'end_turn', stop_sequence: null, usage: messagesUsage };
}

function messageEvents(body) {
  const name = toolOf(body);
  const pieces = name ? ['I ', 'look.'] : piecesOf(body);
  const events = [
    { type: 'message_start', message: { ...wholeMessage(body), content: [], stop_reason: null, usage: { ...messagesUsage, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...pieces.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
  ];
  if (name) {
    events.push({ type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 'toolu_1', name, input: {} } });
    for (const partial_json of ['', '{"city":', '"Ulm"}']) events.push({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json } });
    events.push({ type: 'content_block_stop', index: 1 });
  }
  events.push({ type: 'message_delta', delta: { stop_reason: name ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } });
  events.push({ type: 'message_stop' });
  return events.map(namedEvent);
}

// ---- responses ----

function responseOutput(body) {
  const name = toolOf(body);
  if (name) return [{ type: 'function_call', id: 'fc_1', call_id: 'call_1', name, arguments: callArguments, status: 'completed' }];
  return [{ type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: textOf(body), annotations: [], logprobs: partLogprobs(body) }] }];
}

const wholeResponse = (body, output = responseOutput(body), status = 'completed') => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1700000000,
  status,
  error: null,
  incomplete_details: null,
  instructions: body.instructions ?? null,
  metadata: {},
  model: 'scripted-1',
  output,
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: body.tool_choice ?? 'auto',
  tools: body.tools ?? [],
  top_p: 1,
  usage: status === 'completed' ? responsesUsage : null,
});

function responseEvents(body) {
  const [item] = responseOutput(body);
  const at = { output_index: 0, item_id: item.id };
  const begun = { type: 'response.created', response: wholeResponse(body, [], 'in_progress') };
  const events = [begun, { ...begun, type: 'response.in_progress' }];
  if (item.type === 'function_call') {
    events.push({ type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '', status: 'in_progress' } });
    for (const delta of ['{"city":', '"Ulm"}']) events.push({ type: 'response.function_call_arguments.delta', ...at, delta });
    events.push({ type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments });
  } else {
    const [part] = item.content;
    const of = { ...at, content_index: 0 };
    events.push({ type: 'response.output_item.added', output_index: 0, item: { ...item, content: [], status: 'in_progress' } });
    events.push({ type: 'response.content_part.added', ...of, part: { ...part, text: '', logprobs: [] } });
    for (const delta of piecesOf(body)) events.push({ type: 'response.output_text.delta', ...of, delta, logprobs: partLogprobs(body, [delta]) });
    events.push({ type: 'response.output_text.done', ...of, text: part.text, logprobs: part.logprobs });
    events.push({ type: 'response.content_part.done', ...of, part });
  }
  events.push({ type: 'response.output_item.done', output_index: 0, item });
  events.push({ type: 'response.completed', response: wholeResponse(body) });
  return events.map((data, sequence_number) => namedEvent({ ...data, sequence_number }));
}

// ---- embeddings ----

const vector = [0.25, -0.5, 1];

function embeddings(body) {
  const inputs = typeof body.input === 'string' || typeof body.input[0] === 'number' ? [body.input] : body.input;
  const embedding = body.encoding_format === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
  return {
    object: 'list',
    data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
    model: 'scripted-1',
    usage: { prompt_tokens: 5, total_tokens: 5 },
  };
}

// By the end of the path. `anthropic`: errors are Anthropic's.
export const speech = {
  '/chat/completions': { whole: wholeChat, events: chatEvents },
  '/completions': { whole: wholeLegacy, events: legacyEvents },
  '/embeddings': { whole: embeddings },
  '/responses': { whole: wholeResponse, events: responseEvents },
  '/messages': { whole: wholeMessage, events: messageEvents, anthropic: true },
};
