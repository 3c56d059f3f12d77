package awssecret_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

const (
	oldRoot = "an-old-secret-of-the-tests-0123456789-abcdefg"
	newRoot = "a-new-secret-of-the-tests-0123456789-abcdefgh"
)

func idOf(t *testing.T, root string) string {
	t.Helper()
	r, err := secret.ParseRing(root)
	if err != nil {
		t.Fatal(err)
	}
	return r.Newest().ID
}

func (m *manager) keys(now func() time.Time) *awssecret.Keys {
	e := &env.Reader{Environ: []string{"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + m.URL}}
	s := awssecret.FromEnv(e, "arn:x", awssecret.Member)
	if now != nil {
		s.Now = now
	}
	return &awssecret.Keys{Secret: s}
}

func ids(r *secret.Ring) string {
	var list []string
	for _, root := range r.Roots() {
		list = append(list, root.ID)
	}
	return strings.Join(list, ",")
}

func TestKeysForms(t *testing.T) {
	m := newManager(t)
	for name, body := range map[string]string{
		"a list":        `{"SecretString":"` + newRoot + `,` + oldRoot + `"}`,
		"a JSON object": `{"SecretString":"{\"secrets\":\"` + newRoot + `, ` + oldRoot + `\"}"}`,
	} {
		m.say(200, body)
		r, err := m.keys(nil).Ring(context.Background(), "")
		if err != nil || ids(r) != idOf(t, newRoot)+","+idOf(t, oldRoot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"too short": `{"SecretString":"short-canary"}`,
		"twice":     `{"SecretString":"` + newRoot + `,` + newRoot + `"}`,
		"no member": `{"SecretString":"{\"other\":\"x\"}"}`,
	} {
		m.say(200, body)
		_, err := m.keys(nil).Ring(context.Background(), "")
		e, ok := errors.AsType[*oauth.Error](err)
		if !ok || e.Code != oauth.ConfigError || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An unknown key makes the secret be read again, but a stream of made-up keys
// only every ten seconds.
func TestUnknownKeyIsLookedForAgain(t *testing.T) {
	m := newManager(t)
	at := time.Unix(1_800_000_000, 0)
	k := m.keys(func() time.Time { return at })
	ask := func(wanted string) *secret.Ring {
		t.Helper()
		r, err := k.Ring(context.Background(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	reads := func(want int32, when string) {
		t.Helper()
		if n := m.reads.Load(); n != want {
			t.Errorf("%s: %d readings, want %d", when, n, want)
		}
	}
	m.say(200, `{"SecretString":"`+oldRoot+`"}`)
	ask("")
	ask(idOf(t, oldRoot))
	reads(1, "a known key")
	m.say(200, `{"SecretString":"`+newRoot+`,`+oldRoot+`"}`)
	at = at.Add(9 * time.Second)
	if _, ok := ask(idOf(t, newRoot)).Root(idOf(t, newRoot)); ok {
		t.Error("read again too early")
	}
	at = at.Add(time.Second)
	if _, ok := ask(idOf(t, newRoot)).Root(idOf(t, newRoot)); !ok {
		t.Error("the rotated key did not arrive")
	}
	reads(2, "after the rotation")
	for range 20 {
		ask("AAAAAA")
	}
	reads(2, "made-up keys")
}

func TestRetiredKeyIsForgotten(t *testing.T) {
	m := newManager(t)
	at := time.Unix(1_800_000_000, 0)
	k := m.keys(func() time.Time { return at })
	m.say(200, `{"SecretString":"`+newRoot+`,`+oldRoot+`"}`)
	if _, err := k.Ring(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	m.say(200, `{"SecretString":"`+newRoot+`"}`)
	at = at.Add(awssecret.MaxAge)
	r, err := k.Ring(context.Background(), idOf(t, oldRoot))
	if err != nil || ids(r) != idOf(t, newRoot) {
		t.Errorf("%v", err)
	}
}

func TestFailedReadingOfKeysIsNotKept_F13(t *testing.T) {
	m := newManager(t)
	at := time.Unix(1_800_000_000, 0)
	k := m.keys(func() time.Time { return at })
	ask := func(wanted string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err := k.Ring(ctx, wanted)
		return err
	}
	m.say(400, `{"__type":"AccessDeniedException"}`)
	if e, ok := errors.AsType[*oauth.Error](ask("")); !ok || e.Code != oauth.ConfigError {
		t.Errorf("denied: %v", e)
	}
	m.say(200, `{"SecretString":"`+oldRoot+`"}`)
	if err := ask(""); err != nil {
		t.Errorf("right again: %v", err)
	}
	m.say(400, `{"__type":"SomethingElse"}`)
	at = at.Add(awssecret.MaxAge)
	if err := ask(idOf(t, oldRoot)); err != nil {
		t.Errorf("an outage lost the known key: %v", err)
	}
	if e, ok := errors.AsType[*oauth.Error](ask(idOf(t, newRoot))); !ok || e.Code != oauth.StoreUnavailable {
		t.Errorf("an outage made an unknown key a bad one: %v", e)
	}
	m.say(200, `{"SecretString":"`+newRoot+`"}`)
	at = at.Add(10 * time.Second)
	if err := ask(idOf(t, newRoot)); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestParallelCallersShareOneReadingOfKeys_F25(t *testing.T) {
	m := newManager(t)
	m.say(200, `{"SecretString":"`+oldRoot+`"}`)
	k := m.keys(nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := k.Ring(context.Background(), "AAAAAA"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := m.reads.Load(); n != 1 {
		t.Errorf("%d readings", n)
	}
}

func TestOneCallerLeaves(t *testing.T) {
	m := newManager(t)
	m.say(200, `{"SecretString":"`+oldRoot+`"}`)
	k := m.keys(nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = k.Ring(ctx, "") // starts the reading and does not wait
	if _, err := k.Ring(context.Background(), ""); err != nil {
		t.Errorf("who stayed: %v", err)
	}
	if n := m.reads.Load(); n != 1 {
		t.Errorf("%d readings", n)
	}
}

func TestKeysFromEnv(t *testing.T) {
	for name, tt := range map[string]struct {
		environ []string
		problem string
	}{
		"static":            {[]string{"LATCHKEY_SECRET=" + newRoot + "," + oldRoot}, ""},
		"ARN":               {[]string{"LATCHKEY_SECRET_ARN=arn:x", "AWS_REGION=eu-central-1"}, ""},
		"both":              {[]string{"LATCHKEY_SECRET=" + newRoot, "LATCHKEY_SECRET_ARN=arn:x"}, "contradicts LATCHKEY_SECRET_ARN"},
		"none":              {nil, "LATCHKEY_SECRET_ARN: is not set"},
		"too short":         {[]string{"LATCHKEY_SECRET=canary"}, "shorter than 43"},
		"not resolved":      {[]string{"LATCHKEY_SECRET={{resolve:secretsmanager:x}}"}, "nothing resolved"},
		"second is missing": {[]string{"LATCHKEY_SECRET=" + newRoot + ","}, "secret 2 of the list"},
	} {
		e := &env.Reader{Environ: append([]string{"X=y"}, tt.environ...)}
		k := awssecret.KeysFromEnv(e)
		err := e.Err()
		switch {
		case (err != nil) != (tt.problem != "") || (err == nil && k == nil):
			t.Errorf("%s: %v", name, err)
		case err != nil && (!strings.Contains(err.Error(), tt.problem) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "1 problem") == false):
			t.Errorf("%s: %v", name, err)
		}
	}
}
