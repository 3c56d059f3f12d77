// Goes through everything with npm oauth4webapi, which takes nothing on trust:
// both metadata documents, the answer of the authorization endpoint with its
// issuer, the tokens and their signatures, userinfo, introspection, revocation.
// argv[2] is JSON: { issuer, id, secret?, auth, redirectURI, scope, grant, jwt? }.
import * as oauth from 'oauth4webapi'
import { check, config as c, refused, run, step, visit } from './person.mjs'

const http = { [oauth.allowInsecureRequests]: true }
const client = { client_id: c.id, require_auth_time: true }
const auth = {
  client_secret_basic: () => oauth.ClientSecretBasic(c.secret),
  client_secret_post: () => oauth.ClientSecretPost(c.secret),
  none: () => oauth.None(),
}[c.auth]()

async function discover(algorithm) {
  const issuer = new URL(c.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...http }))
}

const introspect = async (as, token) =>
  oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token, http))

const refresh = async (as, token) => {
  const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, http)
  const tokens = await oauth.processRefreshTokenResponse(as, client, response)
  if (tokens.id_token) await oauth.validateApplicationLevelSignature(as, response, http)
  return tokens
}

// A resource server's look at a JWT access token (RFC 9068 section 4).
async function resourceServer(as, token, sub, scope) {
  const request = new Request(c.issuer + '/api', { headers: { authorization: 'Bearer ' + token } })
  const claims = await oauth.validateJwtAccessToken(as, request, c.issuer, http)
  check(claims.sub === sub && claims.client_id === c.id && claims.scope === scope && claims.jti, 'claims: ' + JSON.stringify(claims))
}

async function revoke(as, tokens) {
  const response = await oauth.revocationRequest(as, client, auth, tokens.refresh_token ?? tokens.access_token, http)
  await oauth.processRevocationResponse(response)
  step('revocation')
  if (c.auth !== 'none') {
    for (const token of [tokens.access_token, tokens.refresh_token].filter(Boolean)) {
      const got = await introspect(as, token)
      check(JSON.stringify(got) === '{"active":false}', 'inactive after revocation: ' + JSON.stringify(got))
    }
  }
}

async function machine(as) {
  const response = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: c.scope }, http)
  const tokens = await oauth.processClientCredentialsResponse(as, client, response)
  check(tokens.refresh_token === undefined && tokens.scope === c.scope, 'tokens of a machine')
  step('client_credentials')
  const got = await introspect(as, tokens.access_token)
  check(got.active && got.sub === c.id && got.client_id === c.id, 'introspection of a machine: ' + JSON.stringify(got))
  if (c.jwt) await resourceServer(as, tokens.access_token, c.id, c.scope)
  step('introspection')
  await revoke(as, tokens)
  step('refused')
}

async function person(as) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const expectedNonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: c.id, redirect_uri: c.redirectURI, response_type: 'code', scope: c.scope, state, nonce: expectedNonce, max_age: '3600',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const params = oauth.validateAuthResponse(as, client, await visit(url), state)
  const redeem = async () => {
    const response = await oauth.authorizationCodeGrantRequest(as, client, auth, params, c.redirectURI, verifier, http)
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce, maxAge: 3600, requireIdToken: true })
    await oauth.validateApplicationLevelSignature(as, response, http)
    return tokens
  }
  const tokens = await redeem()
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)
  check(tokens.scope === c.scope && tokens.expires_in > 0, 'tokens: ' + Object.keys(tokens))
  if (c.jwt) await resourceServer(as, tokens.access_token, sub, c.scope)
  step('code')
  const info = (token) => oauth.userInfoRequest(as, client, token, http)
  const claims = await oauth.processUserInfoResponse(as, client, sub, await info(tokens.access_token))
  check(claims.name === 'Alice' && claims.email === 'alice@example.com', 'userinfo: ' + JSON.stringify(claims))
  step('userinfo')
  const next = await refresh(as, tokens.refresh_token)
  check(next.refresh_token !== tokens.refresh_token && next.scope === c.scope, 'rotation')
  if (c.jwt) await resourceServer(as, next.access_token, sub, c.scope)
  step('refresh')
  if (c.auth === 'none') {
    await refused(introspect(as, next.access_token), 'invalid_client', 401)
  } else {
    const got = await introspect(as, next.access_token)
    check(got.active && got.sub === sub && got.scope === c.scope && got.client_id === c.id, 'introspection: ' + JSON.stringify(got))
  }
  step('introspection')
  await revoke(as, next)
  await refused(refresh(as, next.refresh_token), 'invalid_grant', 400)
  await refused(oauth.processUserInfoResponse(as, client, sub, await info(next.access_token)), 'invalid_token', 401)
  await refused(redeem(), 'invalid_grant', 400)
  step('refused')
}

run(async () => {
  const plain = await discover('oauth2')
  const as = await discover('oidc')
  check(plain.token_endpoint === as.token_endpoint && as.issuer === c.issuer, 'the two documents agree')
  step('discovery')
  await (c.grant === 'client_credentials' ? machine : person)(as)
})
