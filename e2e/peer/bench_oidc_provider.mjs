// Serves npm oidc-provider for the benchmark of the token endpoint, on a free
// port of 127.0.0.1. It prints "ready URL"; on "seed N" it makes N grants and
// answers with one line of N codes; it ends when standard input does.
// BENCH_TOKENS is opaque, id_token or jwt: what is signed with ES256 in every
// answer. Its own memory adapter runs on a Map: the least-recently-used cache
// that is its default forgets after 1,000 entries.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import Provider from 'oidc-provider'
import MemoryAdapter from '../node_modules/oidc-provider/lib/adapters/memory_adapter.js'

const { BENCH_TOKENS: tokens, BENCH_CLIENT: id, BENCH_SECRET: secret, BENCH_REDIRECT: redirect, BENCH_CHALLENGE: challenge } = process.env
const scope = tokens === 'id_token' ? 'openid read' : 'read'
const resource = tokens === 'jwt' ? 'https://api.example' : undefined
const day = 86400 // seconds

const storage = new Map()

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const configuration = {
  adapter: (name) => new MemoryAdapter(name, storage),
  clients: [{
    client_id: id,
    client_secret: secret,
    redirect_uris: [redirect],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: 'ES256',
  }],
  scopes: ['openid', 'read'],
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  expiresWithSession: () => false,
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: resource !== undefined,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'read', accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  ttl: { AccessToken: 300, AuthorizationCode: 3600, Grant: day, IdToken: 300, RefreshToken: day },
  cookies: { keys: ['for benchmarks only'] },
  jwks: { keys: [{ ...ec.export({ format: 'jwk' }), kid: 'ec', use: 'sig' }] },
}

async function seed(provider) {
  const client = await provider.Client.find(id)
  const grant = new provider.Grant({ accountId: 'bench', clientId: id })
  if (resource) grant.addResourceScope(resource, scope)
  else grant.addOIDCScope(scope)
  const code = new provider.AuthorizationCode({
    accountId: 'bench',
    authTime: Math.floor(Date.now() / 1000),
    client,
    codeChallenge: challenge,
    codeChallengeMethod: 'S256',
    grantId: await grant.save(),
    nonce: 'n-0S6_WzA2Mj',
    redirectUri: redirect,
    resource,
    scope,
  })
  return code.save()
}

let handle
const server = createServer((req, res) => handle(req, res))
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, configuration)
  provider.on('server_error', (_, err) => console.error(err))
  handle = provider.callback()
  console.log(`ready ${issuer}/token`)
  for await (const line of createInterface({ input: process.stdin })) {
    const codes = []
    for (let i = Number(line.split(' ')[1]); i > 0; i--) codes.push(await seed(provider))
    globalThis.gc?.()
    console.log(codes.join(' '))
  }
  process.exit(0)
})
