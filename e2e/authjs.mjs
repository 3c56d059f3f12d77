// Runs auth.js, the file named first, in tabs of its own making and prints one
// JSON line for each case. The browser around it is small but keeps the order
// of things: one lock manager and one channel for all tabs of a world.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import vm from 'node:vm';

const source = readFileSync(process.argv[2], 'utf8');
const origin = 'https://app.example';
const json = (status, body) => () => new Response(JSON.stringify(body), {status});
const settle = () => new Promise(done => setImmediate(done));

class World {
  now = 1e12; tabs = []; calls = []; queue = Promise.resolve(); answers = {};
  locks = {request: (name, f) => {
    const run = this.queue.then(f);
    this.queue = run.catch(() => {});
    return run;
  }};

  // Each answer is used once; the last one of a path stays.
  answer(path, ...list) { this.answers[path] = list; return this; }

  async fetch(request, options) {
    const r = request instanceof Request ? request : new Request(new URL(request, origin), options);
    const path = r.url.startsWith(origin + '/') ? r.url.slice(origin.length) : r.url;
    this.calls.push(`${r.method} ${path} ${r.headers.get('X-CSRF') ?? '-'} ${r.credentials} ${await r.text()}`.trim());
    await settle();
    this.now += 10;
    const list = this.answers[path];
    return (list.length > 1 ? list.shift() : list[0])();
  }

  tab({href = origin + '/app?a=1#part', locks = true, ends} = {}) {
    const world = this, tab = {gone: [], timers: [], on: {}, hidden: false};
    const went = how => to => { tab.gone.push(how + ' ' + to); };
    const place = {href, origin, assign: went('assign'), replace: went('replace')};
    const add = (type, f) => (tab.on[type] ??= []).push(f);
    tab.fire = (type, event = {}) => Promise.all((tab.on[type] ?? []).map(f => f(event)));
    tab.comesBack = async () => { await tab.fire('visibilitychange'); await tab.fire('pageshow', {persisted: true}); }; // both, in this order
    tab.shown = ends === undefined ? null : {dataset: {ends}, textContent: 'at first'};
    const globals = {
      origin, addEventListener: add, navigator: locks ? {locks: this.locks} : {},
      document: {get hidden() { return tab.hidden; }, querySelector: q => { assert.equal(q, '[data-ends]'); return tab.shown; }},
      Date: {now: () => world.now}, setTimeout: (f, ms, ...args) => ms === 50 ? setImmediate(f, ...args) : tab.timers.push({f, ms}), // 50: while the lock is held
      fetch: (...args) => world.fetch(...args),
      Request: class extends Request { constructor(u, o) { super(u instanceof Request ? u : new URL(u, href), o); } },
      BroadcastChannel: class {
        constructor(name) { assert.equal(name, 'latchkey'); tab.channel = this; }
        postMessage(data) { for (const t of world.tabs) if (t !== tab) t.channel.onmessage({data: structuredClone(data)}); }
      },
    };
    Object.defineProperty(globals, 'location', {get: () => place, set: went('assign')});
    globals.window = globals;
    const before = new Set(Object.keys(globals));
    vm.runInNewContext(source, globals);
    tab.made = Object.keys(globals).filter(k => !before.has(k));
    tab.key = globals.latchkey;
    this.tabs.push(tab);
    return tab;
  }
}

const fresh = json(200, {refreshed: true, expires_in: 3600}), same = json(200, {refreshed: false, expires_in: 900});
const gone = json(401, {error: 'session_expired'}), down = json(503, {error: 'store_unavailable'});
const toLogin = 'assign /login?return_to=%2Fapp%3Fa%3D1%23part', refreshed = 'POST /refresh 1 same-origin';
const looked = 'GET /session - same-origin';
const call = path => `GET ${path} 1 same-origin`;

const cases = {
  'it makes one global'() {
    const t = new World().tab();
    assert.deepEqual(t.made, ['latchkey']);
    assert.deepEqual(Object.keys(t.key).sort(), ['fetch', 'login', 'logout', 'refresh']);
  },
  async 'a request of this origin has the header'() {
    const w = new World().answer('/api', json(200, 'x'));
    assert.equal(await (await w.tab().key.fetch('/api', {method: 'PUT', body: 'b'})).json(), 'x');
    assert.deepEqual(w.calls, ['PUT /api 1 same-origin b']);
  },
  async 'another origin gets neither header nor refresh'() {
    for (const url of ['https://other.example/api', 'https://app.example.evil.example/', 'http://app.example/']) {
      const w = new World().answer(url, json(401, 0));
      assert.equal((await w.tab().key.fetch(url)).status, 401);
      assert.deepEqual(w.calls, [`GET ${url} - same-origin`]);
    }
  },
  async 'other refusals are left alone'() {
    const w = new World().answer('/api', json(404, 0));
    assert.equal((await w.tab().key.fetch('/api')).status, 404);
    assert.equal(w.calls.length, 1);
  },
  async '401: refreshed, asked again once, with the body'() {
    const w = new World().answer('/api', json(401, 0), json(200, 'x')).answer('/refresh', fresh);
    assert.equal((await w.tab().key.fetch('/api', {method: 'POST', body: 'b'})).status, 200);
    assert.deepEqual(w.calls, ['POST /api 1 same-origin b', refreshed, 'POST /api 1 same-origin b']);
  },
  async '401 again is the answer'() {
    const w = new World().answer('/api', json(401, 0)).answer('/refresh', fresh), t = w.tab();
    assert.equal((await t.key.fetch('/api')).status, 401);
    assert.deepEqual([w.calls.length, t.gone], [3, []]);
  },
  async '401 while the session lives: asked again'() {
    const w = new World().answer('/api', json(401, 0), json(200, 'x')).answer('/refresh', same);
    assert.equal((await w.tab().key.fetch('/api')).status, 200);
  },
  async '403 is asked again after a refresh only'() {
    const w = new World().answer('/api', json(403, 0), json(200, 'x')).answer('/refresh', fresh);
    assert.equal((await w.tab().key.fetch('/api')).status, 200);
    const v = new World().answer('/api', json(403, 0)).answer('/refresh', same), t = v.tab();
    assert.equal((await t.key.fetch('/api')).status, 403);
    assert.deepEqual([v.calls, t.gone], [[call('/api'), refreshed], []]);
  },
  async 'nobody is signed in: to the login, and back with the fragment'() {
    for (const status of [401, 403]) {
      const w = new World().answer('/api', json(status, 0)).answer('/refresh', gone), t = w.tab();
      assert.equal((await t.key.fetch('/api')).status, status);
      assert.deepEqual([w.calls, t.gone], [[call('/api'), refreshed], [toLogin]]);
    }
  },
  async 'nobody knows: the first answer stays'() {
    const w = new World().answer('/api', json(401, 0)).answer('/refresh', down), t = w.tab();
    assert.equal((await t.key.fetch('/api')).status, 401);
    assert.deepEqual([w.calls.length, t.gone], [2, []]);
  },
  async 'refresh answers JSON, null, or rejects with the response'() {
    const w = new World().answer('/refresh', same, gone, down), {key} = w.tab();
    assert.equal((await key.refresh()).expires_in, 900);
    assert.equal(await key.refresh(), null);
    await assert.rejects(key.refresh(), r => r.status === 503);
    w.answer('/refresh', fresh);
    assert.equal((await key.refresh()).refreshed, true);
    assert.equal(w.calls.length, 4);
  },
  async 'three tabs at once: one POST, one answer for all'() {
    const w = new World().answer('/refresh', fresh, gone), tabs = [w.tab(), w.tab(), w.tab()];
    for (const a of await Promise.all([...tabs, ...tabs].map(t => t.key.refresh()))) assert.equal(a.refreshed, true);
    assert.deepEqual(w.calls, [refreshed]);
    await tabs[1].key.refresh();
    assert.equal(w.calls.length, 2, 'who asks later asks the server');
    assert.deepEqual(tabs.flatMap(t => t.gone), []);
  },
  async 'without locks: one POST for each tab'() {
    const w = new World().answer('/refresh', fresh), t = w.tab({locks: false});
    await Promise.all([t.key.refresh(), t.key.refresh(), t.key.refresh()]);
    assert.deepEqual(w.calls, [refreshed]);
  },
  async 'logging out tells the other tabs and goes on'() {
    const w = new World().answer('/logout', json(200, {logged_out: true, redirect: 'https://idp.example/end'}));
    const [t, other] = [w.tab(), w.tab()];
    await t.key.logout();
    assert.deepEqual([w.calls, t.gone, other.gone], [['POST /logout 1 same-origin'], ['assign https://idp.example/end'], ['replace /']]);
  },
  async 'logging out that fails tells nobody'() {
    const w = new World().answer('/logout', down), [t, other] = [w.tab(), w.tab()];
    await assert.rejects(t.key.logout(), r => r.status === 503);
    assert.deepEqual([t.gone, other.gone], [[], []]);
  },
  async 'a form that signs out tells the other tabs when its page goes'() {
    const w = new World(), [t, other] = [w.tab({ends: ''}), w.tab()];
    for (const submitter of [null, {dataset: {}}]) await t.fire('submit', {submitter});
    await t.fire('pagehide');
    assert.deepEqual(other.gone, []);
    await t.fire('submit', {submitter: {dataset: {out: '1'}}});
    assert.deepEqual(other.gone, []);
    await t.fire('pagehide');
    assert.deepEqual([t.gone, other.gone], [[], ['replace /']]);
  },
  async 'a page seen again goes when nobody is signed in'() {
    const w = new World().answer('/session', json(200, {}), gone), t = w.tab({ends: ''});
    await t.fire('pageshow', {persisted: false});
    t.hidden = true;
    await t.fire('visibilitychange');
    assert.deepEqual(w.calls, []);
    t.hidden = false;
    await t.fire('visibilitychange');
    assert.deepEqual([w.calls, t.gone], [[looked], []]);
    await t.fire('visibilitychange');
    assert.deepEqual(t.gone, ['replace /']);
    assert.equal(t.shown.textContent, 'at first');
  },
  async 'a page that the browser had kept asks once'() {
    const w = new World().answer('/session', gone), t = w.tab({ends: '61'});
    await t.comesBack();
    assert.deepEqual([w.calls, t.gone], [[looked], ['replace /']]);
  },
  async 'a page for everybody stays'() {
    const w = new World(), t = w.tab();
    await t.comesBack();
    for (const act of ['pointerdown', 'keydown']) await t.fire(act);
    assert.deepEqual([w.calls, t.gone, t.timers], [[], [], []]);
  },
  async 'the token ends: refreshed, shown, and so on, as long as somebody acts'() {
    const w = new World().answer('/refresh', fresh, same, json(200, {refreshed: false, expires_in: 0})), t = w.tab({ends: '61'});
    for (const [text, ms] of [['in 2 min', 61999], ['in 60 min', 3600999], ['in 15 min', 900999], ['over', undefined]]) {
      assert.equal(t.shown.textContent, text);
      const timer = t.timers.pop();
      assert.equal(timer?.ms, ms);
      if (timer) await timer.f();
      await t.fire('keydown');
    }
    assert.equal(w.calls.length, 3);
  },
  async 'the first token of a page is refreshed, the next one of an untouched page is not'() {
    const w = new World().answer('/refresh', fresh), t = w.tab({ends: '61'});
    await t.timers.pop().f();
    assert.deepEqual([w.calls, t.shown.textContent], [[refreshed], 'in 60 min']);
    await t.timers.pop().f();
    assert.deepEqual([w.calls, t.shown.textContent, t.timers], [[refreshed], 'over', []]);
  },
  async 'an act before the end: refreshed at the end, for one more token'() {
    for (const act of ['pointerdown', 'keydown', 'visibilitychange']) {
      const w = new World().answer('/refresh', fresh).answer('/session', json(200, {})), t = w.tab({ends: '61'});
      const posts = () => w.calls.filter(c => c === refreshed).length;
      await t.timers.pop().f();
      for (let i = 0; i < 3; i++) await t.fire(act);
      assert.equal(posts(), 1, act);
      await t.timers.pop().f();
      assert.deepEqual([posts(), t.shown.textContent, t.timers.length], [2, 'in 60 min', 1], act);
      await t.timers.pop().f();
      assert.deepEqual([posts(), t.shown.textContent], [2, 'over'], act);
    }
  },
  async 'an act after the end: refreshed at once, and once'() {
    for (const act of ['pointerdown', 'keydown', 'visibilitychange']) {
      const w = new World().answer('/refresh', fresh).answer('/session', json(200, {})), t = w.tab({ends: '61'});
      await t.timers.pop().f();
      await t.timers.pop().f();
      t.hidden = true;
      await t.fire('visibilitychange');
      assert.equal(w.calls.length, 1, 'to be hidden is no act');
      t.hidden = false;
      await Promise.all([t.fire(act), t.fire('keydown'), t.fire('pointerdown')]);
      assert.deepEqual([w.calls, t.shown.textContent, t.timers.length], [[refreshed, refreshed], 'in 60 min', 1], act);
    }
  },
  async 'an act after the end of the session: the page goes'() {
    for (const act of ['pointerdown', 'keydown', 'visibilitychange']) {
      const w = new World().answer('/refresh', fresh, gone), t = w.tab({ends: '61'});
      await t.timers.pop().f();
      await t.timers.pop().f();
      assert.deepEqual(t.gone, []);
      await t.fire(act);
      assert.deepEqual([w.calls, t.gone, t.timers], [[refreshed, refreshed], ['replace /'], []], act);
    }
  },
  async 'a refresh after an act fails: tried again without another one'() {
    const w = new World().answer('/refresh', fresh, down, fresh), t = w.tab({ends: '61'});
    await t.timers.pop().f();
    await t.timers.pop().f();
    await t.fire('keydown');
    assert.deepEqual([t.shown.textContent, t.timers.length, t.timers[0].ms], ['over', 1, 9000]);
    await t.timers.pop().f();
    assert.deepEqual([w.calls.length, t.shown.textContent, t.timers.length], [3, 'in 60 min', 1]);
  },
  async 'a refresh that fails is tried again, and shows nothing new'() {
    const w = new World().answer('/refresh', json(503, {}), json(200, {refreshed: true, expires_in: 60})), t = w.tab({ends: '1'});
    await t.timers.pop().f();
    assert.deepEqual([t.shown.textContent, t.timers.length, t.timers[0].ms], ['in 1 min', 1, 9000]);
    await t.timers.pop().f();
    assert.deepEqual([t.timers.length, t.timers[0].ms, w.calls.length], [1, 60999, 2]);
  },
  async 'the token ends with the session: the page goes'() {
    const w = new World().answer('/refresh', gone), t = w.tab({ends: '1'});
    await t.timers.pop().f();
    assert.deepEqual([t.gone, t.timers], [['replace /'], []]);
  },
  'a timer has no more than 31 bits'() {
    assert.deepEqual(new World().tab({ends: '2592000'}).timers, []);
  },
};

for (const [name, run] of Object.entries(cases)) {
  let problem = '';
  try { await run(); } catch (e) { problem = String(e?.stack ?? e); }
  console.log(JSON.stringify({name, problem}));
}
