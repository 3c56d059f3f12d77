package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// canaries are the values that nobody may find, by what they are.
type canaries map[string]string

// note takes what a login's callback URL carries.
func (c canaries) note(t *testing.T, callback string) {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	n := len(c)
	c[fmt.Sprintf("code %d", n)], c[fmt.Sprintf("state %d", n)] = u.Query().Get("code"), u.Query().Get("state")
}

// A login, and every way we know for it to fail, leave no secret behind:
// neither on standard output or standard error at the level debug, nor in the
// table.
func TestNoSecretIsLeftBehind_C47_C49(t *testing.T) {
	p, database := startStub(t), peer.Dynalite(t)
	s := p.onLambda(t, database, database, func(c *stack.Config) { c.Override["LOG_LEVEL"] = "debug" })
	browser, found := person(s), canaries{"client secret": stubSecret}
	again := func(want int, change func(callback string) string) {
		t.Helper()
		callback := begin(t, browser, s.URL())
		found.note(t, callback)
		if change != nil {
			callback = change(callback)
		}
		if r := get(t, browser, callback); r.StatusCode != want {
			t.Errorf("%d %s, want %d", r.StatusCode, r.body, want)
		}
	}
	for name, status := range map[string]int{"a login": 200, "refused": 400, "unauthorized": 401, "broken": 500} {
		p.answerWith(func(form url.Values) (int, any) {
			tokens := map[string]string{"token_type": "Bearer", "refresh_token": "rt-" + secret.Mint(128), "access_token": "at-" + secret.Mint(128)}
			found["access token, "+name], found["refresh token, "+name] = tokens["access_token"], tokens["refresh_token"]
			found["verifier, "+name] = form.Get("code_verifier")
			if status != http.StatusOK {
				// A provider that repeats what it was sent.
				tokens["error"], tokens["error_description"] = "invalid_grant", form.Encode()
			}
			return status, tokens
		})
		want := http.StatusOK
		if status != http.StatusOK {
			want = http.StatusBadGateway
		}
		again(want, nil)
	}
	again(http.StatusBadRequest, func(callback string) string { return callback + "&code=twice" })
	again(http.StatusBadRequest, func(callback string) string { return callback + "&x=%zz" })
	again(http.StatusBadRequest, func(callback string) string { return callback + "&error=access_denied" })
	again(http.StatusBadRequest, func(callback string) string {
		return strings.Replace(callback, "code=", "error=access_denied&error_description=", 1)
	})
	again(http.StatusForbidden, func(callback string) string {
		browser = person(s) // a stranger, from here on
		return callback
	})
	again(http.StatusBadRequest, func(callback string) string {
		get(t, browser, callback)
		return callback
	})
	home, _ := url.Parse(s.URL())
	found["cookie"] = browser.Jar.Cookies(home)[0].Value
	begin(t, browser, s.URL()) // and one that is left open

	logs := s.Log("Login") + s.Log("Callback")
	if n := strings.Count(logs, `"msg":"request"`); n < 20 {
		t.Errorf("%d log lines", n)
	}
	found.sweep(t, "the log", logs)
	found.sweep(t, "the table", dump(t, database, tableOf(t), 10))
}

// sweep looks for each canary in text, as it is and in the clothes it may wear.
func (c canaries) sweep(t *testing.T, where, text string) {
	t.Helper()
	text = unfolded(text)
	for name, canary := range c {
		if len(canary) < 16 {
			t.Errorf("the %s is %q", name, canary)
		}
		for how, form := range map[string]string{
			"": canary, ", escaped": url.QueryEscape(canary), ", in hexadecimal": hex.EncodeToString([]byte(canary)), ", its bytes": decoded(canary),
		} {
			if form != "" && strings.Contains(text, form) {
				t.Errorf("the %s%s is in %s", name, how, where)
			}
		}
	}
}

// wrapped is what could be base64.
var wrapped = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`)

// unfolded is text, and after it all that becomes of its base64 when decoded.
func unfolded(text string) string {
	var b strings.Builder
	b.WriteString(text)
	for _, word := range wrapped.FindAllString(text, -1) {
		for start := range 4 { // a letter of what stands before may have been taken in
			b.WriteString("\n" + decoded(word[start:]))
		}
	}
	return b.String()
}

// decoded is what base64 of either alphabet stands for, as far as it goes.
func decoded(word string) string {
	word = strings.NewReplacer("+", "-", "/", "_").Replace(word)
	if len(word)%4 == 1 {
		word = word[:len(word)-1]
	}
	plain, err := base64.RawURLEncoding.DecodeString(word)
	if err != nil {
		return ""
	}
	return string(plain)
}

// dump is everything in a table, which has to have that many items at least.
func dump(t *testing.T, endpoint, table string, least int) string {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{Region: "eu-central-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Items) < least || out.LastEvaluatedKey != nil {
		t.Fatalf("%d items", len(out.Items))
	}
	var b strings.Builder
	for _, item := range out.Items {
		for name, value := range item {
			switch v := value.(type) {
			case *types.AttributeValueMemberS:
				b.WriteString(name + "=" + v.Value + "\n")
			case *types.AttributeValueMemberN:
				b.WriteString(name + "=" + v.Value + "\n")
			case *types.AttributeValueMemberB:
				b.WriteString(name + "=" + string(v.Value) + "\n")
			default:
				t.Errorf("%s is a %T", name, value)
			}
		}
	}
	return b.String()
}

// The sweep finds what it looks for.
func TestSweepFinds(t *testing.T) {
	canary := secret.Mint(256)
	for how, text := range map[string]string{
		"raw": `{"a":"` + canary + `"}`, "standard": base64.StdEncoding.EncodeToString([]byte(canary)),
		"in JSON": base64.RawURLEncoding.EncodeToString([]byte(`{"verifier":"` + canary + `"}`)), "hex": hex.EncodeToString([]byte(canary)), "bytes": decoded(canary),
	} {
		text = unfolded(text)
		if !strings.Contains(text, canary) && !strings.Contains(text, hex.EncodeToString([]byte(canary))) && !strings.Contains(text, decoded(canary)) {
			t.Errorf("%s: not found", how)
		}
	}
}
