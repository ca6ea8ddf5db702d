/** Shows how far an upload is. Without this script the same form posts itself. */

const form = document.querySelector('form[data-upload]');
if (form instanceof HTMLFormElement) watchUploads(form);

/** @param {HTMLFormElement} form */
function watchUploads(form) {
  const bar = form.querySelector('progress');
  const report = form.querySelector('[data-upload-report]');
  const button = form.querySelector('button');
  if (!bar || !report || !button) return;
  // Not form.dataset: that is the field of this name.
  const maxBytes = Number(form.getAttribute('data-max-bytes'));

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const file = data.get('file');
    if (file instanceof File && file.size > maxBytes) showFailure('This file is larger than the limit.');
    else send(data);
  });
  // Back from the task's page, a browser may show this one as it was left.
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
      else showFailure(problemDetail(upload.responseText));
    });
    upload.addEventListener('error', () => showFailure('The upload was cut off. Please try again.'));
    upload.open('POST', form.action);
    // A program's answer: the task's URL in a header, or a problem whose detail can be shown here.
    upload.setRequestHeader('accept', 'application/json');
    upload.send(data);
  };

  /** @param {string} message */
  const showFailure = (message) => showProgress(false, message);

  /**
   * @param {boolean} isUploading
   * @param {string} message
   */
  const showProgress = (isUploading, message) => {
    bar.hidden = !isUploading;
    bar.value = 0;
    button.disabled = isUploading;
    report.textContent = message;
  };
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
