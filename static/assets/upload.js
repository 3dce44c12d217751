// The upload of a picture shows how far it is. Without this the form is sent as every other.
(() => {
  'use strict';

  function busy(form, on) {
    form.querySelector('button').disabled = on;
    form.querySelector('.uploaded').hidden = !on;
  }

  // Errors stand where the server puts them, at the field of the file.
  function complain(form, text) {
    const input = form.elements.picture;
    const id = `${input.id}-error`;
    const place = document.getElementById(id) ?? input.insertAdjacentElement('beforebegin', Object.assign(document.createElement('p'), { id, className: 'error' }));
    place.textContent = text;
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', id);
    input.focus();
  }

  // The answer is the page as it is now, whether the picture was taken or not.
  function show(request) {
    const page = new DOMParser().parseFromString(request.responseText, 'text/html').getElementById('content');
    if (!page) { location.reload(); return; }
    document.getElementById('content').replaceChildren(...page.childNodes);
    history.replaceState(null, '', request.status < 400 ? request.responseURL : location.href);
    (document.querySelector('#upload [aria-invalid]') ?? document.querySelector('#upload button') ?? document.querySelector('h1'))?.focus();
    scrollTo({ top: 0 });
  }

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.id !== 'upload') return;
    event.preventDefault();
    const file = form.elements.picture.files[0];
    if (form.querySelector('button').disabled) return;
    if (file && file.size > Number(form.dataset.most)) { complain(form, `${form.dataset.large}.`); return; }
    const [bar, status] = [form.querySelector('progress'), form.querySelector('[role="status"]')];
    const request = new XMLHttpRequest();
    request.open('POST', form.action);
    request.setRequestHeader('Accept', 'text/html');
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      bar.value = total > 0 ? 100 * loaded / total : 0;
      status.textContent = `${form.dataset.sending} ${Math.floor(bar.value)} %`;
    });
    request.upload.addEventListener('load', () => { bar.removeAttribute('value'); status.textContent = form.dataset.making; });
    request.addEventListener('load', () => show(request));
    request.addEventListener('error', () => { busy(form, false); complain(form, form.dataset.lost); });
    busy(form, true);
    request.send(new FormData(form));
  });
})();
