package e2e_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// ttlAttribute is what the code calls the attribute by which items expire.
const ttlAttribute = dynamo.TTLAttribute

// readers are the functions that read settings, as a main names them.
var readers = map[string]func(*env.Reader){
	"gateway.FromEnv":        func(e *env.Reader) { gateway.FromEnv(e) },
	"provider.FromEnv":       func(e *env.Reader) { provider.FromEnv(e) },
	"dynamo.FromEnv":         func(e *env.Reader) { dynamo.FromEnv(e) },
	"awssecret.FromEnv":      func(e *env.Reader) { awssecret.FromEnv(e, "", "") },
	"dynamo.AccountsFromEnv": func(e *env.Reader) { dynamo.AccountsFromEnv(e) },
	"awssecret.KeysFromEnv":  func(e *env.Reader) { awssecret.KeysFromEnv(e) },
	"grant.LifetimesFromEnv": func(e *env.Reader) { grant.LifetimesFromEnv(e, grant.DefaultLifetimes) },
	"rp.LoginTTL":            func(e *env.Reader) { rp.LoginTTL(e) },
	"rp.CallbackMode":        func(e *env.Reader) { rp.CallbackMode(e, rp.ModeSession) },

	"session.LifetimesFromEnv": func(e *env.Reader) { session.LifetimesFromEnv(e) },
}

// readersOf lists the readers that a function's main hands its env.Reader to.
func readersOf(t *testing.T, id string) []string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "functions", strings.ToLower(id), "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if at, ok := call.Args[0].(*ast.UnaryExpr); !ok || at.Op != token.AND || types.ExprString(at.X) != "e" {
			return true
		}
		name := types.ExprString(call.Fun)
		if readers[name] == nil {
			t.Errorf("%s: this test does not know the reader %s", id, name)
			return true
		}
		names = append(names, name)
		return true
	})
	if len(names) == 0 {
		t.Fatalf("%s: no reader of settings in its main", id)
	}
	return names
}

// asked runs readers on an environment, and returns the names that they asked for.
func asked(names []string, environment map[string]string) []string {
	e := env.Reader{Environ: []string{}}
	for name, value := range environment {
		e.Environ = append(e.Environ, name+"="+value)
	}
	for _, name := range names {
		readers[name](&e)
	}
	return e.Asked()
}

var (
	// lambdaSets are names that the code asks for and Lambda gives.
	lambdaSets = []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
	// aliases are older names of settings, for those who come from the
	// predecessor; a template has no use for them.
	aliases = []string{"BASE_URL", "DJANGO_BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI", "SCOPE"}
	// sdkReads are names that only the AWS SDK asks for.
	sdkReads = []string{"AWS_NEW_RETRIES_2026"}
)

// environmentProblems compares both ways: a name that is missing in the
// template never reaches the code, and one that no code asks for is a setting
// without effect.
func environmentProblems(t *testing.T, template string) string {
	t.Helper()
	tmpl, err := stack.Parse([]byte(template))
	if err != nil {
		t.Fatal(err)
	}
	problems := ""
	for _, parameters := range parameterSets {
		doc, err := tmpl.Resolve(stack.Values{Parameters: parameters})
		if err != nil {
			t.Fatal(err)
		}
		functions, err := doc.Functions()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range functions {
			names := asked(readersOf(t, f.ID), f.Environment)
			problems += cmp.Diff(declarable(names), declarable(slices.Sorted(maps.Keys(f.Environment))))
		}
	}
	return problems
}

func TestEnvironmentIsWhatTheCodeAsksFor(t *testing.T) {
	intact := readDeployment(t).template
	if diff := environmentProblems(t, intact); diff != "" {
		t.Errorf("-asked +declared\n%s", diff)
	}
	for _, c := range []struct{ name, old, new string }{
		{"a name that is missing", "OAUTH_SCOPE: !Ref Scope, ", ""},
		{"a lifetime that is missing", "REFRESH_GRACE: !Ref RefreshGrace, ", ""},
		{"a secret at a function that needs none", "    Condition: BuiltIn\n    Metadata: {BuildMethod: makefile}\n    Properties:\n      Description: Describes",
			"    Condition: BuiltIn\n    Metadata: {BuildMethod: makefile}\n    Properties:\n      Environment: {Variables: {LATCHKEY_SECRET: ''}}\n      Description: Describes"},
		{"the client's settings for everybody", "        LOG_LEVEL: !Ref LogLevel\n", "        LOG_LEVEL: !Ref LogLevel\n        OAUTH_SCOPE: !Ref Scope\n"},
		{"a name in another spelling", "OIDC_ISSUER:", "OIDC_ISSUER_URL:"},
		{"a name that nobody asks for", "        LOG_LEVEL:", "        LOG_COLOUR: red\n        LOG_LEVEL:"},
		{"a name at the wrong function", "LOGIN_TTL:", "CALLBACK_MODE: json, LOGIN_TTL:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(intact, c.old) {
				t.Fatalf("nothing to change: no %q", c.old)
			}
			if environmentProblems(t, strings.Replace(intact, c.old, c.new, 1)) == "" {
				t.Error("not noticed")
			}
		})
	}
}

func declarable(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(slices.Concat(lambdaSets, aliases, sdkReads), name)
	})
}
