/** What all pages share: the document around their content. Markup is never built outside of `html`. */
import { html } from 'ghtml';

/** Where `public/` is served. */
const assets = '/assets';

export interface Page {
  readonly title: string;
  /** HTML. */
  readonly main: string;
  /** The module of `public/` that keeps the page up to date. */
  readonly script?: string;
  /** Seconds after which a browser without JavaScript loads the page again. */
  readonly refreshSeconds?: number;
  /** Seconds after which any browser loads the page again: for pages that no script keeps up to date. */
  readonly reloadSeconds?: number;
  /** Attributes of the main element for its script. */
  readonly state?: {
    readonly status: string;
    readonly key: string;
    readonly silentMs: number;
    readonly nowMs: number;
  };
}

export function renderDocument(page: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
<link rel="icon" href="${assets}/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${assets}/style.css">
!${page.refreshSeconds === undefined ? '' : html`<noscript>!${reload(page.refreshSeconds)}</noscript>`}
!${page.reloadSeconds === undefined ? '' : reload(page.reloadSeconds)}
<script type="module" src="${assets}/${page.script ?? 'page.js'}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="site">
<a href="/" class="brand"><img src="${assets}/favicon.svg" alt="" width="28" height="28">Headway</a>
</header>
!${page.state ? mainElement(page.state) : '<main id="main">'}
!${page.main}
</main>
</body>
</html>
`;
}

function mainElement({ status, key, silentMs, nowMs }: NonNullable<Page['state']>): string {
  return html`<main id="main" data-status="${status}" data-state="${key}" data-silent-ms="${silentMs}" data-now-ms="${nowMs}">`;
}

function reload(seconds: number): string {
  return html`<meta http-equiv="refresh" content="${seconds}">`;
}
