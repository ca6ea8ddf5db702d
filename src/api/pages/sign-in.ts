/** Exchanges an API key for a browser session, so that people can use the forms. */
import { html } from 'ghtml';
import { renderDocument } from './layout.ts';

export interface SignInView {
  /** Where to go afterwards: a path of this service. */
  next: string;
  /** The key that was sent is not valid. */
  failed: boolean;
  /** A request that would have changed something was refused: the person must send it again. */
  isUndone: boolean;
}

export function renderSignIn(view: SignInView): string {
  const main = html`
<div class="card narrow">
<h1>Sign in</h1>
!${view.isUndone ? '<p class="notice warning">Nothing was done yet. Sign in, and then press the button again.</p>' : ''}
!${view.failed ? '<p class="notice error" role="alert" id="failed">This key is not valid. Check it and try again.</p>' : ''}
<form method="post" action="/session">
<input type="hidden" name="next" value="${view.next}">
<div class="field">
<label for="key">API key</label>
<input type="password" id="key" name="key" required autofocus autocomplete="current-password" aria-describedby="!${view.failed ? 'failed ' : ''}key-hint">
<p class="hint" id="key-hint">One of the keys that this service was started with.</p>
</div>
<div class="buttons"><button class="primary">Sign in</button></div>
</form>
</div>`;
  return renderDocument({ title: 'Sign in · Headway', main });
}
