// Sign-in by API key. The key goes to the server once; what stays is a cookie that no script can read.
import { post } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { Problem } from './parts.js';

function Form({ heading, words, onSignedIn }) {
  const [state, set] = useState({});
  const field = useRef();
  useEffect(() => field.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    set({ busy: true });
    try {
      await post('/console/session', { key });
      await onSignedIn();
    } catch (error) {
      set({ error });
      field.current?.focus();
    }
  };
  return html`<form class="column" onSubmit=${submit}>
    ${heading}
    <label class="field">API key
      <input ref=${field} name="key" type="password" autocomplete="current-password" placeholder="psk_…" required spellcheck="false" />
      <small>${words}</small>
    </label>
    ${state.error && html`<${Problem} error=${state.error} doing="You are not signed in" />`}
    <button class="first" disabled=${state.busy}>Sign in</button>
  </form>`;
}

export function SignIn({ mark, onSignedIn }) {
  useEffect(() => {
    document.title = 'Sign in · Penstock';
  }, []);
  return html`<main class="sign-in"><div class="sheet column">
    <${Form} onSignedIn=${onSignedIn} heading=${html`<div class="row"><img src=${mark} alt="" width="32" height="32" /><h1>Penstock</h1></div>`}
      words="A reviewer's key opens review and what is known of the requests; an administrator's also changes things; a client's tries endpoints." />
    <p class="small quiet">No key yet? On the server: <code>penstock keys create --client NAME --role reviewer</code></p>
  </div></main>`;
}

// The session ended in the middle of work: the page stays behind it as it was, with what was typed.
export function SignInAgain({ onSignedIn, onLeave }) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} aria-labelledby="again-title" onCancel=${(event) => event.preventDefault()}>
    <${Form} onSignedIn=${onSignedIn} heading=${html`<h2 id="again-title">Your session has ended</h2>`} words="Sign in to go on where you are: nothing that was typed is lost." />
    <p class="small"><button class="plain" onClick=${onLeave}>Leave instead</button></p>
  </dialog>`;
}
