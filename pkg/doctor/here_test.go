package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

var long = strings.Repeat("y", 9500)

func TestTables(t *testing.T) {
	for name, tt := range map[string]struct {
		found        doctor.Inspection
		exit         int
		level, words string
	}{
		"right":                   {doctor.Inspection{TTL: "expires_at", TTLKnown: true}, 0, "ok", "TTL is on for expires_at"},
		"not there":               {doctor.Inspection{Missing: true}, 1, "problem", "there is no table flows"},
		"not allowed to look":     {doctor.Inspection{Denied: true}, 2, "unchecked", "dynamodb:DescribeTable"},
		"no answer":               {doctor.Inspection{Silent: true}, 2, "unchecked", "does not answer"},
		"another error":           {doctor.Inspection{Code: "UnrecognizedClientException"}, 1, "problem", "UnrecognizedClientException"},
		"another key":             {doctor.Inspection{Wrong: "it has another key"}, 1, "problem", "it has another key"},
		"on its way out":          {doctor.Inspection{Wrong: "it is in the state DELETING"}, 1, "problem", "wait for ACTIVE"},
		"TTL off":                 {doctor.Inspection{TTLKnown: true}, 1, "problem", "TTL is off"},
		"TTL on another":          {doctor.Inspection{TTL: "ttl", TTLKnown: true}, 1, "problem", "another attribute"},
		"an endpoint without TTL": {doctor.Inspection{NoTTL: true}, 0, "ok", "has no TTL"},
		"TTL cannot be seen":      {doctor.Inspection{}, 2, "unchecked", "cannot be seen"},
	} {
		t.Run(name, func(t *testing.T) {
			x := read(t, newStub(t).settings(nil))
			x.Keys = random
			x.Tables = []doctor.Table{{ID: "table", Setting: "TABLE_NAME", Name: "flows", TTL: "expires_at", Inspect: func(context.Context) doctor.Inspection { return tt.found }}}
			expect(t, run(t, x), tt.exit, "table", tt.level, tt.words)
		})
	}
	x := read(t, newStub(t).settings(nil))
	x.Keys = random
	off := doctor.Table{ID: "table", Setting: "TABLE_NAME", Name: "flows", TTL: "expires_at", Elsewhere: true, Inspect: func(context.Context) doctor.Inspection { return doctor.Inspection{TTLKnown: true} }}
	x.Tables = []doctor.Table{off}
	expect(t, run(t, x), 0, "table", "warning", "TTL is off at this endpoint")
	x.Tables = []doctor.Table{{ID: "accounts", Setting: "ACCOUNTS_TABLE_NAME", Name: "a", Inspect: func(context.Context) doctor.Inspection { return doctor.Inspection{} }}}
	expect(t, run(t, x), 0, "accounts", "ok", "right key")
}

func random(context.Context) (secret.Text, error) { return secret.NewText(secret.Mint(256)), nil }

func TestDeploymentSecret(t *testing.T) {
	for name, tt := range map[string]struct {
		list         string
		err          error
		exit         int
		level, words string
	}{
		"random":            {secret.Mint(256), nil, 0, "ok", "one key"},
		"two":               {secret.Mint(256) + "," + secret.Mint(256), nil, 0, "ok", "several keys"},
		"hexadecimal":       {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", nil, 0, "ok", "one key"},
		"short":             {"canary-client-secret", nil, 1, "problem", "shorter than 43"},
		"one character":     {strings.Repeat("a", 50), nil, 1, "problem", "made up"},
		"two characters":    {"aabbaabbbabababbbabaaabbbbaaabababbabbbbaabbaaabb", nil, 1, "problem", "made up"},
		"a repetition":      {strings.Repeat("correct-horse-battery!", 3), nil, 1, "problem", "made up"},
		"a word":            {"this-is-my-very-own-deployment-password-of-2026", nil, 1, "problem", "made up"},
		"a weak older one":  {secret.Mint(256) + "," + strings.Repeat("b", 50), nil, 1, "problem", "made up"},
		"no region":         {"", doctor.ErrNoRegion, 1, "problem", "AWS_REGION"},
		"it cannot be read": {"", errors.New(canary), 2, "unchecked", "secretsmanager:GetSecretValue"},
	} {
		t.Run(name, func(t *testing.T) {
			x := read(t, newStub(t).settings(map[string]string{"CALLBACK_MODE": "session"}))
			x.Keys = func(context.Context) (secret.Text, error) { return secret.NewText(tt.list), tt.err }
			expect(t, run(t, x), tt.exit, "secret", tt.level, tt.words)
		})
	}
	expect(t, run(t, read(t, newStub(t).settings(map[string]string{"CALLBACK_MODE": "session"}))), 0, "secret", "warning", "LATCHKEY_SECRET is not set")
}

func TestContradictions(t *testing.T) {
	for name, tt := range map[string]struct {
		settings map[string]string
		words    string
	}{
		"lifetimes of sessions without sessions":   {map[string]string{"SESSION_MAX": "24h"}, "the mode is json"},
		"idle longer than the longest, by default": {map[string]string{"CALLBACK_MODE": "session", "SESSION_MAX": "1h"}, "SESSION_IDLE, 24h0m0s, is longer"},
		"grants that end before their sessions":    {map[string]string{"OIDC_ISSUER": "", "OAUTH_CLIENT_ID": "", "OAUTH_CLIENT_SECRET": "", "CALLBACK_MODE": "session", "REFRESH_MAX": "48h"}, "REFRESH_MAX, 48h0m0s, is shorter"},
		"refresh tokens that are cut":              {map[string]string{"OIDC_ISSUER": "", "OAUTH_CLIENT_ID": "", "OAUTH_CLIENT_SECRET": "", "CALLBACK_MODE": "session", "REFRESH_MAX": "12h"}, "REFRESH_TTL, 24h0m0s, is longer"},
	} {
		t.Run(name, func(t *testing.T) {
			x := read(t, newStub(t).settings(tt.settings))
			exit := 0
			if x.Provider.Name == "builtin" {
				x.Base, exit = "http://127.0.0.1:1", 1 // nothing is there
			}
			expect(t, run(t, x), exit, "lifetimes", "warning", tt.words)
		})
	}
}

func TestWrongSettings(t *testing.T) {
	got := doctor.WrongSettings([]env.Problem{{Name: "A", What: `"x; y" is odd`, Do: "set it, for example A=b"}, {Name: "B", What: "is not set"}})
	if len(got) != 2 || got[0].What != `A: "x; y" is odd` || got[0].Do != "set it, for example A=b" || got[1].What != "B: is not set" || got[1].Level != doctor.Problem {
		t.Errorf("%+v", got)
	}
	if got := doctor.WrongSettings(nil); got != nil {
		t.Error(got)
	}
}

// A stack is behind API Gateway in any case.
func TestBudgetOfAStack(t *testing.T) {
	s := newStub(t)
	s.metadata["authorization_endpoint"] = s.URL + "/authorize?x=" + long
	x := read(t, s.settings(nil))
	x.Stack, x.Keys = &doctor.Stack{}, random
	expect(t, run(t, x), 1, "budget", "problem", "the authorization endpoint itself takes")
}

func TestReport(t *testing.T) {
	finding := func(l doctor.Level) doctor.Finding {
		return doctor.Finding{ID: "x", Level: l, What: "a <b>", Why: "c", Do: "d"}
	}
	for name, tt := range map[string]struct {
		levels []doctor.Level
		exit   int
		ends   string
	}{
		"all well":                {[]doctor.Level{doctor.OK}, 0, "Nothing to do.\n"},
		"a warning":               {[]doctor.Level{doctor.OK, doctor.Warning}, 0, "warnings: 1.\n"},
		"unchecked":               {[]doctor.Level{doctor.Warning, doctor.Unchecked}, 2, "To mend: 0. Not checked: 1. Warnings: 1.\n"},
		"a problem and unchecked": {[]doctor.Level{doctor.Problem, doctor.Unchecked}, 1, "To mend: 1. Not checked: 1. Warnings: 0.\n"},
	} {
		var findings []doctor.Finding
		for _, l := range tt.levels {
			findings = append(findings, finding(l))
		}
		r := doctor.NewReport(findings, "https://a.example/callback", "google")
		var text, object bytes.Buffer
		if r.Text(&text) != nil || r.JSON(&object) != nil {
			t.Fatal("not written")
		}
		if r.Exit != tt.exit || !strings.HasSuffix(text.String(), tt.ends) || !strings.Contains(text.String(), "Authorized redirect URIs):\n\n    https://a.example/callback\n") {
			t.Errorf("%s: %d\n%s", name, r.Exit, &text)
		}
		var back map[string]any
		if err := json.Unmarshal(object.Bytes(), &back); err != nil || len(back) != 3 || back["exit"] != float64(tt.exit) ||
			back["redirect_uri"] != "https://a.example/callback" || back["findings"].([]any)[0].(map[string]any)["what"] != "a <b>" {
			t.Errorf("%s: %v %s", name, err, &object)
		}
	}
}
