package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// kept is one version of a secret: its keys by their names here, newest first,
// and how old it is; none is a version without a date.
type kept struct {
	keys string
	age  time.Duration
}

const none = time.Duration(-1)

// rootOf is a secret for each name.
func rootOf(name string) string { return strings.Repeat(name+"-", 43) }

func idOf(t *testing.T, name string) string {
	t.Helper()
	ring, err := secret.ParseRing(rootOf(name))
	if err != nil {
		t.Fatal(err)
	}
	return ring.Newest().ID
}

// managerOf answers GetSecretValue with these versions, and takes every change.
func managerOf(t *testing.T, now time.Time, versions map[string]kept) *deployment {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ VersionStage string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		v, ok := versions[in.VersionStage]
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetSecretValue") {
			fmt.Fprint(w, "{}")
			return
		}
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ResourceNotFoundException"}`)
			return
		}
		var list []string
		for name := range strings.FieldsSeq(v.keys) {
			list = append(list, rootOf(name))
		}
		out := map[string]any{"SecretString": strings.Join(list, ",")}
		if v.age != none {
			out["CreatedDate"] = float64(now.Add(-v.age).Unix())
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), BaseEndpoint: &server.URL}
	return &deployment{Operator: awssecret.NewOperator(cfg, "arn:x"), cfg: cfg, arn: "arn:x"}
}

// What retiring a key ends, by how old the last two versions of the secret are.
func TestPriceOfAKey(t *testing.T) {
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	const long = 721 * time.Hour
	for name, tt := range map[string]struct {
		current, previous kept
		retire            string
		want              []string // none: nothing ends
		not               string
	}{
		"the one that signs, just rotated": {kept{"n o", time.Minute}, kept{"o", long}, "o",
			[]string{"signs and seals now", "sessions, which can live until 2026-11-29 07:00 UTC (SESSION_MAX 168h)", "REFRESH_MAX 720h", "ACCESS_TTL 5m", "forms", "it signs until 2026-11-22 07:10 UTC"}, "older"},
		"the one that signs, for long":      {kept{"n o", long}, kept{"o", 2 * long}, "n", []string{"signs and seals now", "Key " + idOf(t, "o") + ", which is older, signs", "keys rotate"}, "leave it"},
		"the newest, just rotated":          {kept{"n o", time.Minute}, kept{"o", long}, "n", []string{"from 2026-11-22 07:10 UTC on", "the rotation is undone"}, "sessions"},
		"the newest of two that wait":       {kept{"n m o", time.Minute}, kept{"m o", 5 * time.Minute}, "n", []string{"key " + idOf(t, "o") + " goes on", "eleven more minutes", "key " + idOf(t, "m") + " takes over"}, "undone"},
		"the old one, a moment after":       {kept{"n o", 12 * time.Minute}, kept{"o", long}, "o", []string{"until 2026-11-22 06:59 UTC", "sessions", "refresh", "access tokens", "forms", "From 2026-12-22 06:59 UTC on nothing ends"}, "signs and seals now"},
		"the old one, after an hour":        {kept{"n o", time.Hour}, kept{"o", long}, "o", []string{"sessions", "refresh"}, "access tokens"},
		"the old one, after ten days":       {kept{"n o", 240 * time.Hour}, kept{"o", long}, "o", []string{"refresh"}, "sessions"},
		"the old one, when all is over":     {kept{"n o", 720*time.Hour + 11*time.Minute}, kept{"o", long}, "o", nil, ""},
		"the old one, a second before":      {kept{"n o", 720*time.Hour + 11*time.Minute - time.Second}, kept{"o", long}, "o", []string{"refresh"}, "sessions"},
		"two retired in a row":              {kept{"n o", time.Minute}, kept{"n o p", long}, "o", nil, ""},
		"two retired soon after a rotation": {kept{"n o", time.Hour}, kept{"n o p", 2 * time.Hour}, "o", []string{"until 2026-11-22 05:11 UTC", "sessions"}, "access tokens"},
		"in one notice, which starts anew":  {kept{"n o", 8 * time.Minute}, kept{"n o p", 15 * time.Minute}, "o", []string{"signs and seals now"}, ""},
		"changed in its notice, then over":  {kept{"n o", 20 * time.Minute}, kept{"n o p", 30 * time.Minute}, "o", []string{"until 2026-11-22 06:51 UTC"}, ""},
		"between two":                       {kept{"n m o", time.Minute}, kept{"m o", time.Hour}, "o", []string{"until 2026-11-22 07:00 UTC", "access tokens"}, ""},
		"between two, the one in use":       {kept{"n m o", time.Minute}, kept{"m o", time.Hour}, "m", []string{"signs and seals now"}, ""},
		"nobody knows the version before":   {kept{"n o", time.Hour}, kept{}, "o", []string{"until 2026-11-22 06:11 UTC"}, ""},
		"no dates":                          {kept{"n o", none}, kept{"o", none}, "o", []string{"until 2026-11-22 07:00 UTC"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			versions := map[string]kept{"AWSCURRENT": tt.current}
			if tt.previous.keys != "" {
				versions["AWSPREVIOUS"] = tt.previous
			}
			d := managerOf(t, now, versions)
			lives, err := d.lives()
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.price(t.Context(), idOf(t, tt.retire), lives, now)
			if err != nil || (got == "") != (tt.want == nil) || tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("%v: %s", err, got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("does not say %q: %s", want, got)
				}
			}
		})
	}
}

// Another operator has retired all other keys since the list was read.
func TestPriceOfTheOnlyKey(t *testing.T) {
	now := time.Now()
	d := managerOf(t, now, map[string]kept{"AWSCURRENT": {"o", time.Minute}})
	if got, err := d.price(t.Context(), idOf(t, "o"), nil, now); !errors.Is(err, awssecret.ErrChanged) {
		t.Errorf("%v: %s", err, got)
	}
}

// What can be alive goes by the stack's parameters.
func TestLivesOfAStack(t *testing.T) {
	for name, tt := range map[string]struct {
		parameters map[string]string
		want       string
	}{
		"nothing set":        {nil, "SessionMax 168h0m0s RefreshMax 720h0m0s AccessTtl 5m0s  10m0s "},
		"lifetimes":          {map[string]string{"SessionMax": "2h", "RefreshMax": "3h", "AccessTtl": "1m"}, "SessionMax 2h0m0s RefreshMax 3h0m0s AccessTtl 1m0s  10m0s "},
		"no built-in server": {map[string]string{"BuiltInServer": "false"}, "SessionMax 168h0m0s "},
		"no sessions":        {map[string]string{"CallbackMode": "json", "BuiltInServer": "false"}, ""},
	} {
		lives, err := (&deployment{stack: &checks.Stack{Parameters: tt.parameters}}).lives()
		got := ""
		for _, l := range lives {
			got += fmt.Sprintf("%s %v ", l.setting, l.long)
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A key that leaked can be dropped whatever the settings here say.
func TestRetireWithYes(t *testing.T) {
	now := time.Now()
	d := managerOf(t, now, map[string]kept{"AWSCURRENT": {"n o", time.Minute}, "AWSPREVIOUS": {"o", time.Hour}})
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL_SECRETS_MANAGER": *d.cfg.BaseEndpoint,
		"LATCHKEY_SECRET_ARN": "arn:x", "SESSION_MAX": "for ever",
	} {
		t.Setenv(name, value)
	}
	if err := (&keysRetire{ID: idOf(t, "o"), Yes: true}).Run(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (&keysRetire{ID: idOf(t, "o")}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "SESSION_MAX") {
		t.Errorf("a price without a lifetime: %v", err)
	}
}
