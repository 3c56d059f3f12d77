{
const on = addEventListener
const tabs = new BroadcastChannel('latchkey')
const leave = () => location.replace('/')
let busy, last = 0
tabs.onmessage = e => e.data ? last = e.data : leave()

const post = path => fetch(path, {method: 'POST', headers: {'X-CSRF': 1}})
  .then(r => r.ok ? r.json() : r.status == 401 ? null : Promise.reject(r))

const login = () => location = '/login?return_to=' +
  encodeURIComponent(location.href.slice(origin.length))

// One tab at a time
const alone = f => navigator.locks?.request('latchkey', f) ?? f()
const refresh = (asked = Date.now()) => busy ||= alone(async () => {
  if (last.at > asked) return last.got
  tabs.postMessage(last = {got: await post('/refresh'), at: Date.now()})
  return new Promise(f => setTimeout(f, 50, last.got))
}).finally(() => busy = 0)

window.latchkey = {login, refresh, async logout() {
  const out = await post('/logout')
  tabs.postMessage(0)
  location = out?.redirect ?? '/'
}, async fetch(...args) {
  const q = new Request(...args)
  if (!q.url.startsWith(origin + '/')) return fetch(q)
  q.headers.set('X-CSRF', 1)
  const r = await fetch(q.clone()), no = r.status
  if (no != 401 && no != 403) return r
  const live = await refresh().catch(() => 0)
  live ?? login()
  return live?.refreshed || live && no == 401 ? fetch(q) : r
}}

on('submit', e => e.submitter?.dataset.out && on('pagehide', () => tabs.postMessage(0)))

// 1: no act since the renewal, 2: and it is over
let idle = 0
const el = document.querySelector('[data-ends]')
const renew = () => refresh().then(a => a ? show(a.expires_in) : leave(),
  () => setTimeout(renew, 9e3))
const show = s => {
  el.textContent = s > 0 ? `in ${Math.ceil(s / 60)} min` : 'over'
  if (s > 0 && s < 1e6) setTimeout(() => idle++ ? show(0) : renew(), s * 1e3 + 999)
}
const act = () => idle && --idle && renew()
on('pointerdown', act)
on('keydown', act)
on('visibilitychange', () => !el || document.hidden || act() ||
  fetch('/session').then(r => r.status == 401 && leave()))
if (el?.dataset.ends) show(el.dataset.ends)
}
