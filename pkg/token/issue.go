package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// openid is the scope that asks for an ID token (OpenID Connect Core §3.1.2.1).
const openid = "openid"

// answer is the body of RFC 6749 §5.1. Lifetimes are in seconds.
type answer struct {
	AccessToken           string `json:"access_token"`
	RefreshToken          string `json:"refresh_token,omitempty"`
	TokenType             string `json:"token_type"`
	ExpiresIn             int64  `json:"expires_in"`
	Scope                 string `json:"scope,omitempty"`
	RefreshTokenExpiresIn int64  `json:"refresh_token_expires_in,omitempty"`
	IDToken               string `json:"id_token,omitempty"`
}

// idClaims are those of an ID token (OpenID Connect Core §2).
type idClaims struct {
	Issuer          string `json:"iss"`
	Subject         string `json:"sub"`
	Audience        string `json:"aud"`
	Expires         int64  `json:"exp"`
	IssuedAt        int64  `json:"iat"`
	AuthTime        int64  `json:"auth_time"`
	Nonce           string `json:"nonce,omitempty"`
	AccessTokenHash string `json:"at_hash"`
}

// issue makes the tokens that r's newest number stands for. They follow from r
// alone: whoever asks again, because a reply was lost or in the grace, gets the
// same ones. Only an access token that is over by then is made afresh. mask is
// what the access token covers, approved what the user has allowed, which the
// refresh token carries on.
func (e *Endpoint) issue(ctx context.Context, q *request, r grant.Record, g grant.Grant, ring *secret.Ring, mask, approved uint32) (*answer, *oauth.Error) {
	from := r.RotatedAt
	expires := earlier(from.Add(e.Lifetimes.Access), r.MaxAt)
	if !q.now.Before(expires) {
		from, expires = q.now, earlier(q.now.Add(e.Lifetimes.Access), r.MaxAt)
	}
	root, scope := ring.Newest(), g.Scope(mask)
	t := grant.Token{Kind: grant.Access, GID: g.GID, N: r.Seq, Expires: expires.Unix(), Scopes: mask}
	a := &answer{TokenType: "Bearer", ExpiresIn: seconds(expires.Sub(q.now)), Scope: scope}
	issuer, err := baseurl.From(ctx), error(nil)
	if q.client.JWT {
		a.AccessToken, err = t.SignJWT(root, grant.Claims{
			Issuer: issuer, Audience: issuer, Subject: subject(g), ClientID: g.ClientID, IssuedAt: from.Unix(), Scope: scope,
		})
	} else {
		a.AccessToken = t.Sign(root)
	}
	if g.User != "" && q.client.AllowsGrant(client.RefreshToken) {
		a.RefreshToken = grant.Token{Kind: grant.Refresh, GID: g.GID, N: r.Seq, Scopes: approved, User: user.Tag(g.User)}.Sign(root)
		a.RefreshTokenExpiresIn = seconds(r.IdleAt.Sub(q.now))
	}
	if covered, ok := g.Mask([]string{openid}); err == nil && ok && mask&covered != 0 && g.User != "" {
		claims := idClaims{
			Issuer: issuer, Subject: g.Subject, Audience: g.ClientID, Expires: expires.Unix(), IssuedAt: q.now.Unix(),
			AuthTime: g.AuthTime.Unix(), AccessTokenHash: atHash(a.AccessToken),
		}
		if q.params["grant_type"] == client.AuthorizationCode {
			claims.Nonce = g.Nonce // not again with a refresh (Core §12.2)
		}
		a.IDToken, err = jose.Sign(root, jose.TypeID, claims)
	}
	if err != nil {
		return nil, &oauth.Error{Code: oauth.ServerError, Description: "The tokens could not be signed.", Cause: err}
	}
	return a, nil
}

// subject is the sub of g: the client itself where there is no user (RFC 9068
// §2.2).
func subject(g grant.Grant) string {
	if g.User == "" {
		return g.ClientID
	}
	return g.Subject
}

// full is the mask of all of g's scopes.
func full(g grant.Grant) uint32 {
	mask, _ := g.Mask(g.Scopes)
	return mask
}

// narrowed is the mask for a scope parameter; false when it names a scope that
// was not approved. Empty means all that were (RFC 6749 §6).
func narrowed(g grant.Grant, scope string, approved uint32) (uint32, bool) {
	asked := strings.FieldsFunc(scope, func(r rune) bool { return r == ' ' })
	if len(asked) == 0 {
		return approved, true
	}
	mask, ok := g.Mask(asked)
	return mask, ok && mask&^approved == 0
}

// atHash is the left half of the access token's SHA-256 (Core §3.1.3.6).
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }
