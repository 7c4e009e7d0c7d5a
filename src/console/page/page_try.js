// Try it: a text, a file, features or a chat goes to an endpoint, and every stage that it passed is shown.
import { get } from './api.js';
import { html, useEffect, useState } from './html.js';
import { useLoad } from './load.js';
import { Empty, Loaded, Model, Page } from './parts.js';
import { go, to } from './route.js';
import { Chat } from './try_chat.js';
import { Predict } from './try_predict.js';

const kinds = { classify: 'predicts', chat: 'answers chats', embed: 'makes vectors' };

function Endpoint({ endpoint }) {
  return html`<p class="small quiet">${endpoint.description}${endpoint.description ? ' · ' : ''}
    ${kinds[endpoint.kind]} by ${endpoint.rollout.map(({ model, weight }, i) => html`${i ? ', ' : ''}<${Model} of=${model} />${endpoint.rollout.length > 1 ? ` (${Math.round(weight * 100)} %)` : ''}`)}</p>`;
}

function Chosen({ endpoint, who }) {
  if (endpoint.kind === 'chat') return html`<${Chat} endpoint=${endpoint} who=${who} />`;
  if (endpoint.kind === 'classify') return html`<${Predict} endpoint=${endpoint} />`;
  return html`<${Empty} title="Vectors are for programs"><p>Send texts to <code>/v1/embeddings</code> with <code>"model": "${endpoint.name}"</code>.</p><//>`;
}

export function Try({ path, who }) {
  const endpoints = useLoad('/v1/endpoints');
  const chosen = endpoints.data?.data.find(({ name }) => name === path[0]) ?? endpoints.data?.data[0];
  return html`<${Page} title="Try it" lead="Send something to an endpoint and see what every stage makes of it. It counts as a request like any other: it is recorded, and it costs.">
    <${Loaded} from=${endpoints} what="endpoints">${({ data }) => data.length === 0
      ? html`<${Empty} title="There is no endpoint yet"><p>Endpoints are written in <code>penstock.yaml</code>; <code>penstock config reference</code> explains how. After <code>SIGHUP</code> they are here.</p><//>`
      : html`<div class="column">
          <label class="field try-endpoint">Endpoint
            <select value=${chosen.name} onChange=${(event) => go(['try', event.target.value])}>
              ${data.map(({ name }) => html`<option value=${name}>${name}</option>`)}
            </select>
          </label>
          <${Endpoint} endpoint=${chosen} />
          <${Chosen} key=${chosen.name} endpoint=${chosen} who=${who} />
        </div>`}<//>
  <//>`;
}
