/** Shows how far an upload is. Without this script the same form posts itself. */
import { formatLimit } from './format.js';

const form = document.querySelector('form[data-upload]');
if (form instanceof HTMLFormElement) watchUploads(form);

/** @param {HTMLFormElement} form */
function watchUploads(form) {
  const bar = form.querySelector('progress');
  const report = form.querySelector('[data-upload-report]');
  const button = form.querySelector('button');
  if (!bar || !report || !button) return;
  // Not form.dataset: a form field of that name would be found instead.
  const maxBytes = Number(form.getAttribute('data-max-bytes'));

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const file = data.get('file');
    if (file instanceof File && file.size === 0) showFailure('This file is empty. Choose one with content.');
    else if (file instanceof File && file.size > maxBytes)
      showFailure(`This file is larger than the limit of ${formatLimit(maxBytes)}.`);
    else send(data);
  });
  // When people come back from the task's page, the browser may show this page as it was left.
  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted) showProgress(false, '');
  });

  /** @param {FormData} data */
  const send = (data) => {
    showProgress(true, 'Uploading…');
    const upload = new XMLHttpRequest();
    upload.upload.addEventListener('progress', ({ loaded, total }) => {
      bar.value = total === 0 ? 0 : (100 * loaded) / total;
      report.textContent = loaded < total ? `Uploading… ${Math.floor(bar.value)} %` : 'Starting the import…';
    });
    upload.addEventListener('load', () => {
      const location = upload.getResponseHeader('location');
      if (upload.status < 300 && location) window.location.assign(location);
      else if (upload.status === 401)
        showFailure('You are no longer signed in. Load this page again to sign in.');
      else showFailure(problemWords(upload.responseText));
    });
    upload.addEventListener('error', () => showFailure('The upload was cut off. Please try again.'));
    upload.open('POST', form.action);
    // Asks for the answer for programs: the task's URL in a header, or a problem whose detail is shown here.
    upload.setRequestHeader('accept', 'application/json');
    upload.send(data);
  };

  /** @param {string} message */
  const showFailure = (message) => {
    showProgress(false, message);
    report.classList.add('notice', 'error');
  };

  /**
   * @param {boolean} isUploading
   * @param {string} message
   */
  const showProgress = (isUploading, message) => {
    bar.hidden = !isUploading;
    bar.value = 0;
    button.disabled = isUploading;
    report.textContent = message;
    report.classList.remove('notice', 'error');
  };

  /**
   * What was wrong, with the labels of the form.
   * @param {string} body
   */
  const problemWords = (body) => {
    const { detail, errors = [] } = readProblem(body);
    if (errors.length === 0) return detail ?? 'The service did not accept the file. Please try again.';
    return errors.map(({ path, message }) => `${labelOf(path)}: ${message}`).join('; ');
  };

  /** @param {string} path */
  const labelOf = (path) =>
    form.querySelector(`label[for="${CSS.escape(path)}"]`)?.firstChild?.textContent?.trim() ?? path;
}

/**
 * @param {string} body
 * @returns {{ detail?: string, errors?: { path: string, message: string }[] }}
 */
function readProblem(body) {
  try {
    return Object(JSON.parse(body));
  } catch {
    // A proxy has answered instead of the service.
    return {};
  }
}
