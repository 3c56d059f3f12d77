// Goes through everything with npm openid-client: discovery, code with PKCE,
// ID token with its signature, userinfo, refresh, introspection, revocation.
// argv[2] is JSON: { issuer, id, secret?, auth, redirectURI, scope, grant }.
import * as client from 'openid-client'
import { check, config as c, refused, run, step, visit } from './person.mjs'

const auth = {
  client_secret_basic: () => client.ClientSecretBasic(c.secret),
  client_secret_post: () => client.ClientSecretPost(c.secret),
  none: () => client.None(),
}[c.auth]

async function discover(algorithm) {
  return client.discovery(new URL(c.issuer), c.id, undefined, auth(), {
    algorithm,
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  })
}

async function introspect(server, token) {
  if (c.auth === 'none') {
    await refused(client.tokenIntrospection(server, token), 'invalid_client', 401)
    return
  }
  const got = await client.tokenIntrospection(server, token)
  check(got.active && got.client_id === c.id && got.iss === c.issuer && got.exp > Date.now() / 1000, 'introspection: ' + JSON.stringify(got))
  return got
}

async function revoke(server, tokens) {
  await client.tokenRevocation(server, tokens.refresh_token ?? tokens.access_token)
  await client.tokenRevocation(server, 'not a token of anybody')
  step('revocation')
  if (c.auth !== 'none') {
    for (const token of [tokens.access_token, tokens.refresh_token].filter(Boolean)) {
      const got = await client.tokenIntrospection(server, token)
      check(JSON.stringify(got) === '{"active":false}', 'inactive after revocation: ' + JSON.stringify(got))
    }
  }
}

async function machine(server) {
  const tokens = await client.clientCredentialsGrant(server, { scope: c.scope })
  check(tokens.refresh_token === undefined && tokens.scope === c.scope, 'tokens of a machine')
  step('client_credentials')
  const got = await introspect(server, tokens.access_token)
  check(got.sub === c.id && got.scope === c.scope, 'introspection of a machine')
  step('introspection')
  await revoke(server, tokens)
  step('refused')
}

async function person(server) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(server, {
    redirect_uri: c.redirectURI, scope: c.scope, state: expectedState, nonce: expectedNonce, max_age: '3600',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  })
  const callback = await visit(url)
  const tokens = await client.authorizationCodeGrant(server, callback, {
    pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true,
  })
  check(tokens.token_type === 'bearer' && tokens.scope === c.scope && tokens.expiresIn() > 0, 'tokens: ' + Object.keys(tokens))
  const { sub } = tokens.claims()
  step('code')
  const person = await client.fetchUserInfo(server, tokens.access_token, sub)
  check(person.name === 'Alice' && person.email === 'alice@example.com', 'userinfo: ' + JSON.stringify(person))
  step('userinfo')
  const next = await client.refreshTokenGrant(server, tokens.refresh_token)
  check(next.refresh_token !== tokens.refresh_token && next.access_token !== tokens.access_token, 'rotation')
  check(next.claims().sub === sub && next.scope === c.scope, 'the same subject and scope after a refresh')
  const narrow = await client.refreshTokenGrant(server, next.refresh_token, { scope: 'openid' })
  check(narrow.scope === 'openid', 'narrowed: ' + narrow.scope)
  await refused(client.refreshTokenGrant(server, narrow.refresh_token, { scope: 'openid admin' }), 'invalid_scope', 400)
  step('refresh')
  const got = await introspect(server, narrow.access_token)
  if (got) check(got.sub === sub && got.scope === 'openid' && got.token_type.toLowerCase() === 'bearer', 'introspection: ' + JSON.stringify(got))
  step('introspection')
  await revoke(server, narrow)
  await refused(client.refreshTokenGrant(server, narrow.refresh_token), 'invalid_grant', 400)
  await refused(client.fetchUserInfo(server, narrow.access_token, sub), 'invalid_token', 401)
  await refused(client.authorizationCodeGrant(server, callback, { pkceCodeVerifier, expectedState, expectedNonce }), 'invalid_grant', 400)
  step('refused')
}

run(async () => {
  await discover('oauth2')
  const server = await discover('oidc')
  const m = server.serverMetadata()
  check(m.issuer === c.issuer && m.supportsPKCE('S256') && m.authorization_response_iss_parameter_supported, 'metadata')
  step('discovery')
  await (c.grant === 'client_credentials' ? machine : person)(server)
})
