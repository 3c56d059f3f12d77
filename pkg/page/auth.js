{
const tabs = new BroadcastChannel('latchkey')
const leave = () => location.replace('/')
let pending, last = 0
tabs.onmessage = e => e.data ? last = e.data : leave()

const post = path => fetch(path, {method: 'POST', headers: {'X-CSRF': 1}})
  .then(r => r.ok ? r.json() : r.status == 401 ? null : Promise.reject(r))

const login = () => location = '/login?return_to=' +
  encodeURIComponent(location.href.slice(origin.length))

const logout = async () => {
  const out = await post('/logout')
  tabs.postMessage(0)
  location = out?.redirect ?? '/'
}

// One tab at a time
const locks = navigator.locks ?? {request: (_, f) => f()}
const refresh = (asked = Date.now()) => pending ||= locks.request('latchkey', async () => {
  if (last.at > asked) return last.answer
  tabs.postMessage(last = {answer: await post('/refresh'), at: Date.now()})
  return new Promise(f => setTimeout(f, 50, last.answer))
}).finally(() => pending = 0)

window.latchkey = {login, logout, refresh, async fetch(...args) {
  const q = new Request(...args)
  if (!q.url.startsWith(origin + '/')) return fetch(q)
  q.headers.set('X-CSRF', 1)
  const r = await fetch(q.clone()), no = r.status
  if (no != 401 && no != 403) return r
  const live = await refresh().catch(() => 0)
  if (live === null) login()
  return live?.refreshed || live && no == 401 ? fetch(q) : r
}}

// Forms
addEventListener('submit', e => e.submitter?.dataset.out &&
  addEventListener('pagehide', () => tabs.postMessage(0)))

// Pages
const el = document.querySelector('[data-ends]')
const renew = () => refresh().then(a => a ? show(a.expires_in) : leave(),
  () => setTimeout(renew, 9e3))
const show = s => {
  el.textContent = s > 0 ? `in ${Math.ceil(s / 60)} min` : 'over'
  if (s > 0 && s < 1e6) setTimeout(renew, s * 1e3 + 999)
}
const check = () => document.hidden ||
  fetch('/session').then(r => r.status == 401 && leave())
if (el) {
  addEventListener('pageshow', e => e.persisted && check())
  addEventListener('visibilitychange', check)
  el.dataset.ends && show(el.dataset.ends)
}
}
