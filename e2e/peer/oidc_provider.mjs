// Serves npm oidc-provider on a free port of 127.0.0.1 with its built-in login
// and consent forms, prints "ready ISSUER", and ends when standard input does.
// PEER_OPTIONS is JSON: { redirectURIs, secret, alwaysRefresh, issuer, accessTTL }.
// issuer is the address of whatever stands in front; accessTTL is in seconds.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const { redirectURIs, secret, alwaysRefresh, issuer: front, accessTTL } = JSON.parse(process.env.PEER_OPTIONS)

const client = {
  redirect_uris: redirectURIs,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const configuration = {
  clients: [
    { ...client, client_id: 'latchkey-confidential', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
    { ...client, client_id: 'latchkey-public', token_endpoint_auth_method: 'none' },
  ],
  scopes: ['openid', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  // Any login is an account; its subject is the login itself.
  findAccount: (_, login) => ({
    accountId: login,
    claims: () => ({ sub: login, name: login, email: `${login}@example.test`, email_verified: true }),
  }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (_, c, source) =>
    c.grantTypeAllowed('refresh_token') && (alwaysRefresh || source.scopes.has('offline_access')),
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  ttl: { // seconds
    AccessToken: accessTTL || 3600,
    AuthorizationCode: 60,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 86400,
    Session: 86400,
  },
  cookies: { keys: ['for tests only'] },
  jwks: {
    keys: [
      { ...rsa.export({ format: 'jwk' }), kid: 'rsa', use: 'sig' },
      { ...ec.export({ format: 'jwk' }), kid: 'ec', use: 'sig' },
    ],
  },
}

// The provider's clock can be moved; it only ever asks Date.now.
const clock = Date.now
let ahead = 0
Date.now = () => clock() + ahead

let handle
let tokenRequests = 0
let revokedGrants = 0
const server = createServer((req, res) => {
  if (req.url === '/peer/token-requests') {
    res.end(String(tokenRequests))
    return
  }
  if (req.url === '/peer/revoked-grants') {
    res.end(String(revokedGrants))
    return
  }
  if (req.method === 'POST' && req.url.startsWith('/peer/clock/')) {
    ahead = Number(req.url.slice('/peer/clock/'.length))
    res.end()
    return
  }
  if (req.method === 'POST' && req.url === '/token') tokenRequests++
  handle(req, res)
})
server.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(front || address, configuration)
  provider.on('server_error', (_, err) => console.error(err))
  provider.on('grant.revoked', () => revokedGrants++)
  handle = provider.callback()
  console.log(`ready ${address}`)
})

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
