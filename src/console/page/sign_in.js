// Sign-in by API key. The key goes to the server once; what stays is a cookie that no script can read.
import { post } from './api.js';
import { html, useEffect, useRef, useState } from './html.js';
import { Problem } from './parts.js';

export function SignIn({ mark, onSignedIn }) {
  const [state, set] = useState({});
  const field = useRef();
  useEffect(() => {
    document.title = 'Sign in · Penstock';
    field.current.focus();
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    set({ busy: true });
    try {
      await post('/console/session', { key });
      await onSignedIn();
    } catch (error) {
      set({ error });
      field.current.focus();
    }
  };
  return html`<main class="sign-in">
    <form class="sheet column" onSubmit=${submit}>
      <div class="row"><img src=${mark} alt="" width="32" height="32" /><h1>Penstock</h1></div>
      <label class="field">API key
        <input ref=${field} name="key" type="password" autocomplete="current-password" placeholder="psk_…" required spellcheck="false" />
        <small>A reviewer's key opens review and what is known of the requests; an administrator's also changes things; a client's tries endpoints.</small>
      </label>
      ${state.error && html`<${Problem} error=${state.error} doing="You are not signed in" />`}
      <button class="first" disabled=${state.busy}>Sign in</button>
      <p class="small quiet">No key yet? On the server: <code>penstock keys create --client NAME --role reviewer</code></p>
    </form>
  </main>`;
}
