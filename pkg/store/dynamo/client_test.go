package dynamo_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

func TestFromEnv(t *testing.T) {
	const keys = "AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=hush "
	cases := []struct{ name, settings, want string }{
		{"on Lambda", keys + "TABLE_NAME=flows AWS_REGION=eu-central-1 AWS_SESSION_TOKEN=token", ""},
		{"the older name of the region", keys + "TABLE_NAME=flows AWS_DEFAULT_REGION=eu-central-1", ""},
		{"both names, AWS_REGION wins", keys + "TABLE_NAME=flows AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-central-1", ""},
		{"an endpoint of one's own", "TABLE_NAME=flows AWS_ENDPOINT_URL_DYNAMODB=http://host.docker.internal:8000", ""},
		{"no table", keys + "AWS_REGION=eu-central-1", "TABLE_NAME=latchkey-flows"},
		{"no region", keys + "TABLE_NAME=flows", "AWS_REGION: is not set"},
		{"no credentials", "TABLE_NAME=flows AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID: is not set"},
		{"an endpoint that is no URL", keys + "TABLE_NAME=flows AWS_REGION=eu-central-1 AWS_ENDPOINT_URL_DYNAMODB=localhost:8000",
			"AWS_ENDPOINT_URL_DYNAMODB: is not an http or https URL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := &env.Reader{Environ: strings.Fields(c.settings)}
			if dynamo.FromEnv(e) == nil {
				t.Fatal("no store")
			}
			got := ""
			if err := e.Err(); err != nil {
				got = err.Error()
			}
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("problems %q, want %q", got, c.want)
			}
			if strings.Contains(got, "hush") {
				t.Error("the problem shows the secret key")
			}
		})
	}
}

func TestAccountsFromEnv(t *testing.T) {
	for settings, want := range map[string]string{
		"ACCOUNTS_TABLE_NAME=accounts AWS_ENDPOINT_URL_DYNAMODB=http://localhost:8000": "",
		"TABLE_NAME=flows AWS_ENDPOINT_URL_DYNAMODB=http://localhost:8000":             "ACCOUNTS_TABLE_NAME=latchkey-accounts",
	} {
		e := &env.Reader{Environ: strings.Fields(settings)}
		if dynamo.AccountsFromEnv(e) == nil {
			t.Fatal("no store")
		}
		if err := e.Err(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
}

// The region and the credentials of the settings are the ones that sign, and
// the address has no account in it.
func TestFromEnvSigns(t *testing.T) {
	var got http.Header
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = w.Write([]byte("{}"))
	}))
	defer endpoint.Close()
	s := dynamo.FromEnv(&env.Reader{Environ: []string{"TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint.URL,
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=hush", "AWS_SESSION_TOKEN=session"}})
	if err := s.PutLogin(t.Context(), pending(t, early)); err != nil {
		t.Fatal(err)
	}
	authorization := got.Get("Authorization")
	if !strings.Contains(authorization, "Credential=AKIDEXAMPLE/") || !strings.Contains(authorization, "/eu-west-1/dynamodb/") {
		t.Errorf("signed with %q", authorization)
	}
	if got.Get("X-Amz-Security-Token") != "session" {
		t.Error("the session token is missing")
	}
}

func TestWarmOpensTheConnectionThatIsUsed(t *testing.T) {
	var asked []string
	var from []string
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, from = append(asked, r.Method), append(from, r.RemoteAddr)
		if r.Method == http.MethodGet && r.Header.Get("Authorization") != "" {
			t.Error("the warming request is signed")
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer endpoint.Close()
	s := dynamo.FromEnv(&env.Reader{Environ: []string{"TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint.URL}})
	if err := s.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.PutLogin(t.Context(), pending(t, early)); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || asked[0] != http.MethodGet || from[0] != from[1] {
		t.Errorf("requests %v from %v, want a GET and a POST on one connection", asked, from)
	}
}

func TestLogLineCountsOperations(t *testing.T) {
	s, f, _ := wire()
	f.Plan("UpdateItem", storetest.Throttle, storetest.Throttle)
	ctx, line := logline.With(t.Context(), "id")
	// The empty success makes the store read, which finds nothing.
	if _, err := s.ClaimLogin(ctx, "login#k", cookieHash, "n1", early); err == nil {
		t.Fatal("claimed nothing at all")
	}
	attrs := line.Attrs()
	if len(attrs) != 2 || !attrs[0].Equal(slog.Int("store_ops", 2)) || attrs[1].Key != "store_ms" || attrs[1].Value.Kind() != slog.KindInt64 {
		t.Errorf("log line has %v", attrs)
	}
	if attrs[1].Value.Int64() < 50 {
		t.Errorf("store_ms = %v, but the delays after throttling alone take longer", attrs[1].Value)
	}
}
