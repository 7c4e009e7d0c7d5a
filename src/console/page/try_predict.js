// A prediction by hand: what is sent, and what came back, stage by stage.
import { call } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { Badge, Candidates, Choice, Decision, Facts, Meter, Problem, RequestLink, Sheet, Waterfall } from './parts.js';
import { bytes, decisions, ms, percent, usd } from './format.js';
import { to } from './route.js';

const names = { text: 'Text', file: 'File', features: 'Features' };
const picture = /^image\/(jpeg|png)$/;

// The file that was chosen, shown from memory before it is sent anywhere.
function Preview({ file }) {
  const [url, set] = useState();
  useEffect(() => {
    if (!picture.test(file.type)) return undefined;
    const made = URL.createObjectURL(file);
    set(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return html`<div class="preview">
    ${url && picture.test(file.type) && html`<img src=${url} alt="The file that is sent" />`}
    <p class="small">${file.name} <span class="quiet">${bytes(file.size)}</span></p>
  </div>`;
}

function FileField({ file, onFile }) {
  const [over, setOver] = useState(false);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
  };
  return html`<label class="drop ${over ? 'over' : ''}" onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <input type="file" class="hidden-text" onChange=${(event) => event.target.files[0] && onFile(event.target.files[0])} />
    ${file ? html`<${Preview} file=${file} />` : html`<span><strong>Drop a file here</strong>, or choose one</span><span class="small quiet">PDF, JPEG, PNG or plain text</span>`}
  </label>`;
}

// What is sent for each way in; throws where features are no JSON.
function request(way, { text, file, features }) {
  if (way === 'text') return { body: { text } };
  if (way === 'features') return { body: { features: JSON.parse(features) } };
  const form = new FormData();
  form.append('file', file);
  return { body: form };
}

function Verdict({ answer }) {
  const sure = answer.confidence;
  return html`<${Sheet} title="Answer" aside=${html`<${RequestLink} id=${answer.request_id} />`}>
    <div class="column" aria-live="polite">
      <div class="row verdict"><strong>${answer.prediction ?? 'no prediction'}</strong><${Decision} of=${answer.decision} /></div>
      <p class="small quiet">${decisions[answer.decision]?.[1]}${answer.review_id ? html`: <a href=${to(['review', answer.review_id])}>decide it</a>` : ''}</p>
      ${answer.labels?.length ? html`<${Candidates} labels=${answer.labels} />`
        : sure !== null && sure !== undefined && html`<${Meter} value=${sure} label="Confidence" />`}
      <${Facts} of=${[['Model', answer.model], ['Confidence', sure === null || sure === undefined ? null : percent(sure, 2)], ['Fallback', answer.fallback],
        ['Cost', usd(answer.cost_usd)], ['From the cache', answer.cached ? 'yes' : null]]} />
    </div>
  <//>`;
}

function Underway({ since }) {
  const [now, set] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => set(performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return html`<${Sheet} title="Under way"><p role="status" class="quiet">In the pipeline for <span class="number">${((now - since) / 1000).toFixed(1)} s</span> …</p><//>`;
}

export function Predict({ endpoint }) {
  const ways = endpoint.accepts ?? ['text'];
  const [way, setWay] = useState(ways[0]);
  const [input, setInput] = useState({ text: '', features: '{\n  \n}', file: null });
  const [state, set] = useState({});
  const form = useRef();
  const change = (part) => setInput((old) => ({ ...old, ...part }));
  const send = async (event) => {
    event?.preventDefault();
    const since = performance.now();
    set({ since });
    try {
      const reply = await call('POST', `/v1/endpoints/${encodeURIComponent(endpoint.name)}/predict`, request(way, input));
      set({ answer: await reply.json() });
    } catch (error) {
      set({ error: error instanceof SyntaxError ? { message: `The features are no JSON object: ${error.message}` } : error });
    }
  };
  const hurry = (event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && form.current.requestSubmit();
  return html`<div class="halves">
    <form ref=${form} class="sheet column" onSubmit=${send} onKeyDown=${hurry}>
      ${ways.length > 1 && html`<${Choice} label="What is sent" options=${ways.map((one) => [one, names[one]])} value=${way} onChange=${setWay} />`}
      ${way === 'text' && html`<label class="field">Text<textarea name="text" required value=${input.text} placeholder="What a client would send" onInput=${(event) => change({ text: event.target.value })}></textarea></label>`}
      ${way === 'features' && html`<label class="field">Features, as a JSON object<textarea class="mono" name="features" required value=${input.features} onInput=${(event) => change({ features: event.target.value })}></textarea></label>`}
      ${way === 'file' && html`<${FileField} file=${input.file} onFile=${(file) => change({ file })} />`}
      <div class="row"><button class="first" disabled=${Boolean(state.since) || (way === 'file' && !input.file)}>Send</button>
        <span class="small quiet"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span></div>
    </form>
    <div class="column">
      ${state.since && html`<${Underway} since=${state.since} />`}
      ${state.error && html`<${Problem} error=${state.error} doing="No prediction was made" />`}
      ${state.answer && html`<${Verdict} answer=${state.answer} />
        <${Sheet} title="Where the time went" aside=${html`<${Badge}>${ms(state.answer.latency_ms)}<//>`}>
          <${Waterfall} stages=${state.answer.stages} total=${state.answer.latency_ms} passing />
        <//>`}
      ${!state.since && !state.error && !state.answer && html`<div class="empty"><strong>The answer comes here</strong>
        <p>With its confidence, what was decided, and the milliseconds of every stage that it passed.</p></div>`}
    </div>
  </div>`;
}
