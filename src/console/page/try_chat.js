// A chat by hand, streamed, with what the request's record says of it afterwards.
import { call, get } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { Badge, Decision, Facts, isSimulated, Model, Problem, RequestLink, Sheet, Waterfall } from './parts.js';
import { ms, number, usd } from './format.js';

// The data of server-sent events, one by one. A frame may come in several pieces.
async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (rest + value).split(/\r?\n\r?\n/);
    rest = frames.pop();
    for (const frame of frames)
      for (const line of frame.split(/\r?\n/)) if (line.startsWith('data:')) yield line.slice(5).trim();
  }
}

async function ask(endpoint, messages, onText, signal) {
  const reply = await call('POST', '/v1/chat/completions', { body: { model: endpoint.name, messages, stream: true }, signal });
  let whole = false;
  for await (const data of events(reply)) {
    if (data === '[DONE]') {
      whole = true;
      break;
    }
    const piece = JSON.parse(data);
    if (piece.error) throw Object.assign(new Error(piece.error.message), { code: piece.error.code });
    onText(piece.choices?.[0]?.delta?.content ?? '');
  }
  if (!whole) throw new Error('The answer broke off before its end. What came of it is shown; ask again.');
  return reply.headers.get('x-request-id');
}

// The record is written at most 100 ms after the reply.
async function recordOf(id) {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((done) => setTimeout(done, 150));
    try {
      return await get(`/v1/requests/${encodeURIComponent(id)}`);
    } catch (error) {
      if (error.status !== 404) return undefined;
    }
  }
  return undefined;
}

const Story = ({ record }) => html`<${Sheet} title="Where the time went" aside=${html`<${Badge}>${ms(record.latency_ms)}<//>`}>
  <div class="column">
    <${Waterfall} stages=${record.stages} total=${record.latency_ms} passing />
    <${Facts} of=${[['Model', record.model && html`<${Model} of=${record.model} />`], ['Decision', html`<${Decision} of=${record.decision} />`], ['First token', record.first_token_ms ? ms(record.first_token_ms) : null],
      ['Tokens', record.usage ? `${number(record.usage.input_tokens)} in, ${number(record.usage.output_tokens)} out` : null], ['Cost', usd(record.cost_usd)],
      ['Request', html`<${RequestLink} id=${record.request_id} />`]]} />
  </div>
<//>`;

export function Chat({ endpoint, who }) {
  const [messages, setMessages] = useState([]);
  const [text, setText] = useState('');
  const [state, set] = useState({});
  const field = useRef();
  const stop = useRef();
  useEffect(() => () => stop.current?.abort(), []);
  const send = async (event) => {
    event.preventDefault();
    const asked = [...messages, { role: 'user', content: text }];
    let answer = '';
    setText('');
    set({ busy: true });
    setMessages([...asked, { role: 'assistant', content: '' }]);
    stop.current = new AbortController();
    try {
      const id = await ask(endpoint, asked, (piece) => {
        answer += piece;
        setMessages([...asked, { role: 'assistant', content: answer }]);
      }, stop.current.signal);
      set({ record: who.role === 'client' ? undefined : await recordOf(id) });
    } catch (error) {
      if (error.name === 'AbortError') return set({});
      set({ error });
      if (!answer) setMessages(messages), setText(text);
    }
    field.current?.focus();
  };
  const hurry = (event) => event.key === 'Enter' && !event.shiftKey && !event.isComposing && (event.preventDefault(), event.target.form.requestSubmit());
  return html`<div class="halves">
    <div class="sheet column">
      ${endpoint.rollout.some(({ model }) => isSimulated(model)) && html`<p class="small">No model answers here: what is asked is repeated.</p>`}
      <div class="talk" role="log" aria-label="The conversation">${messages.map(({ role, content }) => html`<div class="said ${role}"><span class="hidden-text">${role}: </span>${content || '…'}</div>`)}</div>
      <form class="column" onSubmit=${send}>
        <label class="field">Message<textarea ref=${field} name="message" required value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${hurry} placeholder="Enter sends, Shift+Enter begins a line"></textarea></label>
        <div class="row"><button class="first" disabled=${state.busy}>Send</button>
          ${messages.length > 0 && !state.busy && html`<button type="button" onClick=${() => (setMessages([]), set({}))}>Begin anew</button>`}
          ${state.busy && html`<button type="button" onClick=${() => stop.current.abort()}>Stop</button>`}</div>
      </form>
    </div>
    <div class="column">
      ${state.error && html`<${Problem} error=${state.error} doing="There is no whole answer" />`}
      ${state.record ? html`<${Story} record=${state.record} />`
        : !state.error && html`<div class="empty"><strong>${state.busy ? 'Under way' : 'The stages come here'}</strong><p>${who.role === 'client' ? 'A request’s stages are shown to reviewers and administrators.' : 'With tokens, cost and the time to the first of them, once an answer is whole.'}</p></div>`}
    </div>
  </div>`;
}
