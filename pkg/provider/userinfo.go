package provider

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// userInfoTimeout bounds one userinfo request, in the middle of a login.
const userInfoTimeout = 5 * time.Second

// maxSubject bounds a subject, in bytes (OpenID Connect Core §2).
const maxSubject = 255

// UserInfo asks whose access token it is (OpenID Connect Core §5.3, RFC 6750
// §2.1). It sends one GET, follows no redirect, reads at most 256 KB, and
// takes at most 5 s, or half a second less than ctx has.
//
// The subject is the member that Subject names: a string, or a whole number,
// which becomes its decimal digits. A member that means something may come
// once and in its own spelling only. Name is the member name, and at a provider that
// is no OpenID provider login in its stead; Name and Email are empty when they
// are no strings. Where an ID token has
// named somebody, the caller has to compare the two subjects (§5.3.2).
//
// Do not ask a provider without Subject or a userinfo endpoint: that is an
// error too. The error is always an *oauth.Error, ProviderUnavailable when
// trying again may help and else ProviderError, whose cause is a class of
// failure.
func (p *Provider) UserInfo(ctx context.Context, ep Endpoints, access secret.Text) (Identity, error) {
	if ep.UserInfo == "" || p.Subject == "" || access.IsZero() {
		return Identity{}, nobody("nothing to ask with", "")
	}
	ctx, cancel := bounded(ctx, userInfoTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ep.UserInfo, nil)
	if err != nil {
		return Identity{}, nobody("unusable URL", "")
	}
	req.Header.Set("Authorization", "Bearer "+access.Reveal())
	began := time.Now()
	call, lost := p.send(req)
	logline.Add(ctx, slog.Int64("provider_userinfo_ms", time.Since(began).Milliseconds()))
	if call.status != 0 {
		logline.Add(ctx, slog.Int("provider_userinfo_status", call.status))
	}
	switch {
	case lost != "":
		return Identity{}, unreachable("userinfo endpoint", lost, loginAgain)
	case call.status != http.StatusOK:
		e := nobody("answered "+strconv.Itoa(call.status), byStatus("userinfo endpoint", call.status, loginAgain))
		return Identity{}, p.unavailable(e, call.status, call.header)
	}
	if what := notPlainJSON(call.header); what != "" {
		return Identity{}, nobody(what, "")
	}
	who, unusable := readUserInfo(call.body, p.Subject)
	if unusable != "" {
		return Identity{}, nobody(unusable, "")
	}
	who.Issuer = ep.Issuer
	return who, nil
}

// nobody is the error for an answer that does not say who it is about.
func nobody(unusable, advice string) *oauth.Error {
	if advice == "" {
		advice = "The provider does not say who signed in. " + loginAgain + "; if it stays so, check the userinfo endpoint's URL and OAUTH_SCOPE."
	}
	return &oauth.Error{Code: oauth.ProviderError, Description: advice, Cause: failure("userinfo endpoint: " + unusable)}
}

// readUserInfo reads a whole answer. unusable names what is wrong with it, in
// our words.
func readUserInfo(body []byte, subject string) (who Identity, unusable string) {
	known := []string{subject, "name", "email"}
	if subject != sub {
		known = append(known, "login") // GitHub's
	}
	members, err := oauth.ReadObject(body, known...)
	if err != nil {
		return Identity{}, err.Error()
	}
	if who.Subject = subjectIn(members[subject]); who.Subject == "" {
		return Identity{}, "no usable subject"
	}
	if who.Name = textIn(members["name"]); who.Name == "" {
		who.Name = textIn(members["login"])
	}
	who.Email, who.Raw = textIn(members["email"]), body
	return who, ""
}

// subjectIn reads a string or a whole number, "" if it names nobody. Text that
// JSON cannot tell from other text (a lone surrogate) could name two people.
func subjectIn(raw json.RawMessage) string {
	s := textIn(raw)
	if digits := string(raw); digits != "" && strings.Trim(digits, "0123456789") == "" {
		s = digits
	}
	odd := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }
	if len(s) > maxSubject || strings.TrimSpace(s) == "" || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}

// textIn is a member that is a string, else "".
func textIn(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
