package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	permission = "            EnableFunctionDefaultPermissions: true"
	// caching is what switches caching on: every part of the identity is one
	// that the authorizer's answer depends on.
	caching     = "            Identity: {Headers: [Cookie, Sec-Fetch-Site], Context: [routeKey, httpMethod], ReauthorizeEvery: 60}"
	cachingTime = time.Minute
	behind      = "        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/whoami, Auth: {Authorizer: Session}}}\n"
)

// guarded is template.yaml with more routes behind the authorizer, one of
// which changes something, and with caching if that is wanted.
func guarded(t *testing.T, cached bool) string {
	t.Helper()
	text := readDeployment(t).template
	replace := func(old, new string) {
		if strings.Count(text, old) != 1 {
			t.Fatalf("%d times in the template: %q", strings.Count(text, old), old)
		}
		text = strings.Replace(text, old, new, 1)
	}
	post := strings.NewReplacer("Get:", "Post:", "GET", "POST").Replace(behind)
	other := strings.NewReplacer("Get:", "Other:", "/api/whoami", "/api/other").Replace(behind)
	replace(behind, behind+post+other)
	if cached {
		replace(permission, caching+"\n"+permission)
	}
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sentry is a stack with routes behind the authorizer, and a person inside.
type sentry struct {
	*stack.Stack
	*member
	store    *tableProxy
	database string
	table    string
}

func startSentry(t *testing.T, cached bool, now func() time.Time) *sentry {
	t.Helper()
	p, g := startStub(t), &sentry{database: peer.Dynalite(t), table: tableOf(t)}
	g.store = startProxy(t, g.database)
	g.Stack = p.onLambda(t, g.database, g.store.url, func(c *stack.Config) {
		c.Template, c.Parameters, c.Now = guarded(t, cached), foreign, now
		ownSecret(c)
	})
	g.member = house{Stack: g.Stack, consent: madeUp(g.URL())}.enter(t)
	return g
}

// copied is another browser with the same cookies.
func (m *member) copied() *member {
	m.t.Helper()
	other := *m
	other.browser = person(m.browser.Transport)
	u, err := url.Parse(m.base)
	if err != nil {
		m.t.Fatal(err)
	}
	other.browser.Jar.SetCookies(u, m.browser.Jar.Cookies(u))
	return &other
}

// decisions is how often the authorizer has been asked.
func (g *sentry) decisions() int { return strings.Count(g.Log("Authorizer"), `"msg":"decision"`) }

// Behind the authorizer /api/whoami answers a POST with 405: it was let in.
const letIn = http.StatusMethodNotAllowed

// tries asserts what becomes of a request, and how often the authorizer was
// asked for it.
func (g *sentry) tries(method, path, site string, status, asked int) {
	g.t.Helper()
	before, header := g.decisions(), []string(nil)
	if site != "" {
		header = []string{"Sec-Fetch-Site", site}
	}
	r, _ := g.says(method, path, header...)
	if n := g.decisions() - before; r.StatusCode != status || n != asked {
		g.t.Errorf("%s %s, Sec-Fetch-Site %q: %d after %d questions, want %d after %d\n%s", method, path, site, r.StatusCode, n, status, asked, r.body)
	}
}

// What was allowed is reused for what is the same, for a minute.
func TestCachedDecisions_C65(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	g := startSentry(t, true, func() time.Time { return time.Unix(0, clock.Load()) })
	const who, other = "/api/whoami", "/api/other"
	g.tries("GET", who, "same-origin", http.StatusOK, 1)
	g.tries("GET", who, "same-origin", http.StatusOK, 0)
	g.tries("POST", who, "same-origin", letIn, 1)
	g.tries("POST", who, "cross-site", http.StatusForbidden, 1)
	g.tries("POST", who, "same-site", http.StatusForbidden, 1)
	g.tries("POST", who, "same-origin", letIn, 0)
	g.tries("GET", who, "cross-site", http.StatusOK, 1)
	g.tries("GET", other, "same-origin", http.StatusOK, 1)
	g.tries("GET", who, "", http.StatusUnauthorized, 0)
	g.tries("POST", who, "", http.StatusUnauthorized, 0)

	signed := g.member
	g.member = &member{t: t, base: signed.base, browser: person(g.Stack)}
	g.tries("GET", who, "same-origin", http.StatusUnauthorized, 0) // without a cookie
	g.member = signed.bearing(session.NewCookie())
	g.tries("GET", who, "same-origin", http.StatusForbidden, 1)
	g.member = signed

	stolen := signed.copied()
	signed.expects(http.StatusOK, "POST", "/logout")
	g.member = stolen
	g.tries("GET", who, "same-origin", http.StatusOK, 0) // within the documented time
	clock.Add(int64(cachingTime) - 1)
	g.tries("GET", who, "same-origin", http.StatusOK, 0)
	clock.Add(1)
	g.tries("GET", who, "same-origin", http.StatusForbidden, 1)
	g.tries("POST", who, "same-origin", http.StatusForbidden, 1)
	g.tries("GET", other, "same-origin", http.StatusForbidden, 1)

	g.member = signed
	g.signsIn() // nobody stays locked out: it is another cookie
	g.tries("GET", who, "same-origin", http.StatusOK, 1)
}

// As the template is, a session that has ended opens nothing from then on, and
// one read decides.
func TestAuthorizerOverTheWire_C63_C64_C66(t *testing.T) {
	t.Parallel()
	g := startSentry(t, false, nil)
	calls := func() (all, reads int) {
		g.store.mu.Lock()
		defer g.store.mu.Unlock()
		for operation, n := range g.store.applied {
			if all += n; operation == "GetItem" {
				reads = n
			}
		}
		return all, reads
	}
	for range 2 { // both processes open a connection in advance
		g.tries("GET", "/api/whoami", "", http.StatusOK, 1)
	}
	costs := func(m *member, method, site string, status, want int) {
		t.Helper()
		asked, signed := g.member, g.member
		if g.member = m; m == nil {
			g.member = asked
		}
		all, reads := calls()
		g.tries(method, "/api/whoami", site, status, 1)
		g.member = signed
		if more, read := calls(); more-all != want || read-reads != want {
			t.Errorf("%s, %q: %d calls of the store, %d reads, want %d", method, site, more-all, read-reads, want)
		}
	}
	for range 10 {
		costs(nil, "GET", "", http.StatusOK, 1)
		costs(nil, "POST", "same-origin", letIn, 1)
	}
	for _, site := range []string{"cross-site", "same-site"} {
		costs(nil, "POST", site, http.StatusForbidden, 0)
	}
	value, other := g.session.Value, house{Stack: g.Stack, consent: madeUp(g.URL())}.enter(t).session.Value
	for name, c := range map[string]struct {
		value string
		reads int
	}{
		"truncated": {value[:63], 0}, "extended": {value + "A", 0}, "empty": {"", 0}, "nobody's": {session.NewCookie(), 1},
		"with the id of another": {other[:22] + value[22:], 1}, "with the secret of another": {value[:22] + other[22:], 1},
	} {
		t.Run(name, func(t *testing.T) { costs(g.bearing(c.value), "GET", "", http.StatusForbidden, c.reads) })
	}
	g.expire(t, value)
	costs(nil, "GET", "", http.StatusForbidden, 1)
	g.signsIn()
	g.tries("GET", "/api/whoami", "", http.StatusOK, 1)
	g.expects(http.StatusOK, "POST", "/logout")
	costs(g.bearing(g.session.Value), "GET", "", http.StatusForbidden, 1)
}

// expire lets the idle end of a session pass; DynamoDB keeps such an item for
// days.
func (g *sentry) expire(t *testing.T, cookie string) {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{Region: "eu-central-1", BaseEndpoint: &g.database, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &g.table, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: session.Key(cookie)}},
		UpdateExpression: aws.String("SET expires_at = :past"), ConditionExpression: aws.String("attribute_exists(pk)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":past": &types.AttributeValueMemberN{Value: fmt.Sprint(time.Now().Unix() - 1)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever keeps the store from answering, nobody is let in, and nothing of
// that is kept.
func TestAuthorizerWithoutAStore_C64(t *testing.T) {
	t.Parallel()
	g := startSentry(t, true, nil)
	for _, c := range []struct {
		name       string
		fail, mend func()
	}{
		{"refuses connections", g.store.refuse, func() { g.store.accept(t) }},
		{"throttles", func() { g.store.plan("GetItem", fault{throttle: -1}) }, func() { g.store.plan("GetItem", fault{}) }},
		{"loses every reply", func() { g.store.plan("GetItem", fault{dropReply: -1}) }, func() { g.store.plan("GetItem", fault{}) }},
		{"does not answer", func() { g.store.plan("GetItem", fault{delay: -1}) }, func() { g.store.plan("GetItem", fault{}) }},
	} {
		c.fail()
		began := time.Now()
		r, _ := g.says("GET", "/api/whoami", "Sec-Fetch-Site", "same-origin")
		if r.StatusCode != http.StatusInternalServerError || r.body != `{"message":"Internal Server Error"}` {
			t.Errorf("%s: %d %s", c.name, r.StatusCode, r.body)
		}
		if took := time.Since(began); took > 9*time.Second { // the gateway waits ten
			t.Errorf("%s: %v", c.name, took)
		}
		c.mend()
	}
	g.tries("GET", "/api/whoami", "same-origin", http.StatusOK, 1)
}

// authorizerOf prints what the SAM transform makes of the authorizer.
const authorizerOf = `
import json, os, sys
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoPolicies:
    def load(self):
        return {}

template = yaml_parse(open(sys.argv[1]).read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
body = transform(template, {}, NoPolicies())["Resources"]["Api"]["Properties"]["Body"]
print(json.dumps(body["components"]["securitySchemes"]["Session"]["x-amazon-apigateway-authorizer"]))
`

// The block that the README names for caching means to the SAM transform what
// it means here.
func TestCachingInTheTransform_C65(t *testing.T) {
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil || !strings.Contains(string(readme), "\n"+caching+"\n") {
		t.Errorf("the README has no line %q (%v)", caching, err)
	}
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import samtranslator").Run() != nil {
		peer.Absent(t, "the SAM transform (aws-sam-translator)", pythonParts)
	}
	cmd := exec.Command(python, "-c", authorizerOf, guarded(t, true))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var made struct {
		IdentitySource []string `json:"identitySource"`
		Seconds        int      `json:"authorizerResultTtlInSeconds"`
		Simple         bool     `json:"enableSimpleResponses"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	want := []string{"$request.header.Cookie", "$request.header.Sec-Fetch-Site", "$context.routeKey", "$context.httpMethod"}
	if !slices.Equal(made.IdentitySource, want) || made.Seconds != int(cachingTime/time.Second) || !made.Simple {
		t.Errorf("%s", out)
	}
}
