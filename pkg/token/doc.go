// Package token is the token endpoint and its neighbours: tokens for codes,
// refresh tokens and client credentials, revocation, introspection, JWKS.
//
// It never touches a cookie or HTML.
package token
