package awssecret_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// manager answers GetSecretValue on the wire as Secrets Manager does.
type manager struct {
	*httptest.Server
	reads  atomic.Int32
	status atomic.Int32
	body   atomic.Value
	before atomic.Value // of the version AWSPREVIOUS; unset: there is none
	peers  sync.Map     // the addresses that asked
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{}
	m.say(200, `{"SecretString":"canary"}`)
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || !strings.Contains(string(body), `"SecretId":"arn:x"`) || !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/secretsmanager/") {
			t.Errorf("unexpected request: %v %s", r.Header, body)
		}
		m.reads.Add(1)
		m.peers.Store(r.RemoteAddr, true)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		status, answer := int(m.status.Load()), m.body.Load()
		if strings.Contains(string(body), "AWSPREVIOUS") {
			if answer = m.before.Load(); answer == nil {
				status, answer = 400, `{"__type":"ResourceNotFoundException"}`
			}
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer.(string))
	}))
	t.Cleanup(m.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	return m
}

func (m *manager) say(status int, body string) {
	m.status.Store(int32(status))
	m.body.Store(body)
}

func (m *manager) open(now func() time.Time) *awssecret.Secret {
	e := &env.Reader{Environ: []string{"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + m.URL}}
	s := awssecret.FromEnv(e, "arn:x", "client_secret")
	if now != nil {
		s.Now = now
	}
	return s
}

// The manager answers for one region only.
func TestRegionUnderBothNames(t *testing.T) {
	m := newManager(t)
	for _, names := range []string{"AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1", "AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=us-west-2"} {
		e := &env.Reader{Environ: append(strings.Fields(names), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+m.URL)}
		if _, err := awssecret.FromEnv(e, "arn:x", "client_secret").Value(t.Context()); err != nil || e.Err() != nil {
			t.Errorf("%s: %v, %v", names, err, e.Err())
		}
	}
}

func TestNoARNIsNoSecret(t *testing.T) {
	if s := awssecret.FromEnv(&env.Reader{Environ: []string{}}, "", "client_secret"); s != nil {
		t.Error("a secret without an ARN")
	}
}

func TestValue(t *testing.T) {
	m := newManager(t)
	for name, tt := range map[string]struct{ body, want string }{
		"text":             {`{"SecretString":"canary"}`, "canary"},
		"console's JSON":   {`{"SecretString":"{\"client_secret\":\"canary\",\"other\":\"x\"}"}`, "canary"},
		"text like a list": {`{"SecretString":"[1,2]"}`, "[1,2]"},
	} {
		m.say(200, tt.body)
		got, err := m.open(nil).Value(context.Background())
		if err != nil || got.Reveal() != tt.want {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
	}
}

// What is kept of a connection is dead when the next reading comes, and an
// instance that was frozen meanwhile waits for nothing.
func TestEachReadingHasAConnection(t *testing.T) {
	m := newManager(t)
	at := time.Unix(1_800_000_000, 0)
	s := m.open(func() time.Time { return at })
	const readings = 20
	for range readings {
		if _, err := s.Value(context.Background()); err != nil {
			t.Fatal(err)
		}
		at = at.Add(awssecret.MaxAge)
	}
	opened := 0
	m.peers.Range(func(_, _ any) bool { opened++; return true })
	if opened != readings || m.reads.Load() != readings {
		t.Errorf("%d connections, %d readings", opened, m.reads.Load())
	}
}

func TestParallelCallersReadOnce_F25(t *testing.T) {
	m := newManager(t)
	s := m.open(nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := s.Value(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := m.reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}

func TestRotationArrives_F14(t *testing.T) {
	m := newManager(t)
	at := time.Unix(1_800_000_000, 0)
	s := m.open(func() time.Time { return at })
	value := func() string {
		v, err := s.Value(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return v.Reveal()
	}
	value()
	m.say(200, `{"SecretString":"rotated"}`)
	at = at.Add(awssecret.MaxAge - time.Second)
	if got := value(); got != "canary" {
		t.Errorf("read too early: %s", got)
	}
	at = at.Add(time.Second)
	if got := value(); got != "rotated" {
		t.Errorf("still %s", got)
	}
	m.say(500, `{}`)
	at = at.Add(awssecret.MaxAge)
	if got := value(); got != "rotated" {
		t.Errorf("an outage lost the secret: %s", got)
	}
	m.say(200, `{"SecretString":"rotated again"}`)
	at = at.Add(-time.Hour)
	if got := value(); got != "rotated again" {
		t.Errorf("after the clock was set back: %s", got)
	}
}

func TestFailureIsNotKept_F13(t *testing.T) {
	m := newManager(t)
	s := m.open(nil)
	for name, tt := range map[string]struct {
		status int
		body   string
		want   oauth.Code
	}{
		"down":       {500, `{"__type":"InternalServiceError"}`, oauth.StoreUnavailable},
		"throttled":  {400, `{"__type":"ThrottlingException"}`, oauth.StoreUnavailable},
		"not there":  {400, `{"__type":"ResourceNotFoundException","message":"canary-message"}`, oauth.ConfigError},
		"not ours":   {400, `{"__type":"AccessDeniedException"}`, oauth.ConfigError},
		"empty":      {200, `{"SecretString":""}`, oauth.ConfigError},
		"no member":  {200, `{"SecretString":"{\"other\":\"x\"}"}`, oauth.ConfigError},
		"not a text": {200, `{"SecretBinary":"AAAA"}`, oauth.ConfigError},
	} {
		m.say(tt.status, tt.body)
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		got, err := s.Value(ctx)
		cancel()
		e, ok := errors.AsType[*oauth.Error](err)
		if !ok || e.Code != tt.want || !got.IsZero() || (e.Code == oauth.StoreUnavailable && (e.RetryAfter == 0 || e.HTTPStatus() != 503)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.say(200, `{"SecretString":"canary"}`)
	if got, err := s.Value(context.Background()); err != nil || got.Reveal() != "canary" {
		t.Errorf("after it is back: %v", err)
	}
}
