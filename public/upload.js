/** Shows how far an upload is. Without this script the same form posts itself. */

const form = document.querySelector('form[data-upload]');
if (form instanceof HTMLFormElement) watchUploads(form);

/** @param {HTMLFormElement} form */
function watchUploads(form) {
  const bar = form.querySelector('progress');
  const report = form.querySelector('[data-upload-report]');
  const button = form.querySelector('button');
  if (!bar || !report || !button) return;

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (button.disabled) return;
    const file = new FormData(form).get('file');
    // Not form.dataset: that is the field of this name.
    const maxBytes = Number(form.getAttribute('data-max-bytes'));
    if (file instanceof File && file.size > maxBytes) return fail('This file is larger than the limit.');
    send();
  });

  function send() {
    if (!form || !bar || !report || !button) return;
    button.disabled = true;
    bar.hidden = false;
    bar.value = 0;
    report.textContent = 'Uploading…';

    const upload = new XMLHttpRequest();
    upload.upload.addEventListener('progress', ({ loaded, total }) => {
      bar.value = total === 0 ? 0 : (100 * loaded) / total;
      report.textContent = loaded < total ? `Uploading… ${Math.floor(bar.value)} %` : 'Starting the import…';
    });
    upload.addEventListener('load', () => {
      const location = upload.getResponseHeader('location');
      if (upload.status < 300 && location) window.location.assign(location);
      else fail(problemDetail(upload.responseText));
    });
    upload.addEventListener('error', () => fail('The upload was cut off. Please try again.'));
    upload.open('POST', form.action);
    // A program's answer: the task's URL in a header, or a problem whose detail can be shown here.
    upload.setRequestHeader('accept', 'application/json');
    upload.send(new FormData(form));
  }

  /** @param {string} message */
  function fail(message) {
    if (!bar || !report || !button) return;
    bar.hidden = true;
    button.disabled = false;
    report.textContent = message;
  }
}

/** @param {string} body */
function problemDetail(body) {
  try {
    const { detail, title } = JSON.parse(body);
    return String(detail ?? title);
  } catch {
    return 'The service did not accept the file. Please try again.';
  }
}
