package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// calendar is moto's Secrets Manager, where every version is older by a
// number of seconds.
func calendar(t *testing.T, endpoint string, older *atomic.Int64) string {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		var answer map[string]any
		if err != nil || json.Unmarshal(body, &answer) != nil {
			return err
		}
		if created, ok := answer["CreatedDate"].(float64); ok {
			answer["CreatedDate"] = created - float64(older.Load())
		}
		if body, err = json.Marshal(answer); err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// split is a stack where the first process of the token function gives out the
// tokens, and the second one publishes the keys.
type split struct {
	*stack.Stack
	kid atomic.Value // of the last ID token
}

// startSplit starts it with the deployment secret arn, which it reads at
// manager.
func startSplit(t *testing.T, database, manager, arn string) *split {
	t.Helper()
	s := &split{}
	var ready atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() {
			http.Error(w, "not yet", http.StatusBadGateway)
			return
		}
		if i, ok := map[string]int{"/oauth/token": 0, "/oauth/jwks": 1}[r.URL.Path]; ok {
			r = r.WithContext(stack.OnProcess(r.Context(), i))
		}
		answer := httptest.NewRecorder()
		inFrontOf(s.Stack).ServeHTTP(answer, r)
		var tokens struct {
			ID string `json:"id_token"`
		}
		if json.Unmarshal(answer.Body.Bytes(), &tokens) == nil && tokens.ID != "" {
			s.kid.Store(kidOf(tokens.ID))
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	s.Stack = builtInStack(t, database, database, func(c *stack.Config) {
		for name, value := range map[string]string{
			"PUBLIC_BASE_URL": server.URL, "LATCHKEY_SECRET": "", "LATCHKEY_SECRET_ARN": arn, "AWS_ENDPOINT_URL_SECRETS_MANAGER": manager,
		} {
			c.Override[name] = value
		}
	})
	ready.Store(true)
	return s
}

// kidOf is the key id in the header of a JWT, "" if it has none.
func kidOf(token string) string {
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		KeyID string `json:"kid"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		return ""
	}
	return header.KeyID
}

// login goes through a whole login in a new browser, with process i of every
// function that the browser meets, and returns the key of its ID token.
func (s *split) login(t *testing.T, i int) string {
	t.Helper()
	s.kid.Store("")
	m := &member{t: t, base: s.URL(), browser: on(person(s.Stack), i), consent: func(t testing.TB, browser *http.Client, authorize string) string {
		return approves(t, browser, s.URL(), authorize)
	}}
	m.signsIn()
	m.expects(http.StatusOK, "GET", "/session")
	kid, _ := s.kid.Load().(string)
	return kid
}

// replace ends processes i of all functions; the next request to each starts a
// new one, which reads the deployment secret.
func (s *split) replace(i int) {
	for _, id := range s.Functions() {
		s.Kill(id, i)
	}
}

// Logins go on through a rotation, whichever instances they meet: those from
// before it, new ones, and those that are there when the new key takes over.
func TestLoginsThroughARotation(t *testing.T) {
	t.Parallel()
	database := peer.Moto(t)
	arn := storedSecret(t, database, secret.Mint(256))
	var older atomic.Int64
	s := startSplit(t, database, calendar(t, database, &older), arn)
	settings := append(operatorSettings(database), "LATCHKEY_SECRET_ARN="+arn)
	old := keyIDs(say(t, settings, "", "keys", "show"))[0]
	logins := func(when, want string) {
		t.Helper()
		for i := range 2 {
			if kid := s.login(t, i); kid != want {
				t.Errorf("%s: the ID token of login %d is signed with %q, want %s", when, i, kid, want)
			}
		}
	}
	logins("before the rotation", old)

	rotated := time.Now()
	both := keyIDs(say(t, settings, "", "keys", "rotate"))
	s.replace(0)
	logins("after the rotation, one of two instances new", old)
	for i, want := range []string{both[0], old} { // the new one publishes, the one from before has not heard of it
		if r := get(t, on(person(s.Stack), i), s.URL()+"/oauth/jwks"); !strings.Contains(r.body, want) || strings.Contains(r.body, both[0]) != (i == 0) {
			t.Errorf("the keys of instance %d: %s", i, r.body)
		}
	}

	const left = 6 * time.Second // to start everything again
	older.Store(int64((awssecret.Notice - left - time.Since(rotated)) / time.Second))
	s.replace(0) // stands for the reading after MaxAge
	s.replace(1)
	counts := map[string]int{}
	for end := time.Now().Add(time.Minute); counts[both[0]] < 4 && time.Now().Before(end); {
		for i := range 2 {
			counts[s.login(t, i)]++
		}
	}
	if counts[both[0]] < 4 || len(counts) > 2 || len(counts) == 2 && counts[old] == 0 {
		t.Errorf("logins by key: %v, the new one is %s, the old one %s", counts, both[0], old)
	}
	if failures := s.Failures(); len(failures) > 0 {
		t.Errorf("failures: %v", failures)
	}
	t.Logf("while the key took over: %d logins with the old one, %d with the new one", counts[old], counts[both[0]])
}

// A key that nobody can know yet is not put into use by adding more of them.
func TestThreeRotationsInARow(t *testing.T) {
	t.Parallel()
	database := peer.Moto(t)
	settings := append(operatorSettings(database), "LATCHKEY_SECRET_ARN="+storedSecret(t, database, secret.Mint(256)))
	old := keyIDs(say(t, settings, "", "keys", "show"))[0]
	for i := range 3 {
		if shown := say(t, settings, "", "keys", "rotate"); !strings.Contains(shown, old+"\tsigns and seals\n") {
			t.Errorf("after rotation %d: %q, the one that signed is %s", i+1, shown, old)
		}
	}
}
