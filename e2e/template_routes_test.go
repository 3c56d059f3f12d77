package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// routeThrottles are the routes that have a throttle under some parameters.
func routeThrottles(t *testing.T, text string, parameters map[string]string) []string {
	t.Helper()
	tmpl, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := tmpl.Resolve(stack.Values{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	settings, _ := doc.Get("Resources", "Api", "Properties", "RouteSettings").(map[string]any)
	return slices.Sorted(maps.Keys(settings))
}

// throttlesTakenAway runs the commands of the runbook for a server that is to
// be switched off, against an AWS CLI that knows the throttles of a stage, and
// returns the routes whose throttle they take away.
func throttlesTakenAway(t *testing.T, runbook string, throttles []string) []string {
	t.Helper()
	m := regexp.MustCompile("(?s)```text\n( *API=.*?)\n *```").FindStringSubmatch(section(runbook, "Switch the built-in server off, or take another route away"))
	if m == nil {
		t.Fatal("the runbook has no commands")
	}
	dir := t.TempDir()
	const ours = "--api-id THE-ID --stage-name $default "
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in
'apigatewayv2 get-stage %[1]s--query keys(RouteSettings) --output text') printf '%%s\n' '%[2]s' ;;
'apigatewayv2 delete-route-settings %[1]s--route-key '*) cat; for route; do :; done; echo "$route" >>'%[3]s' ;;
*) echo "not known: $*" >&2; exit 2 ;;
esac
`, ours, strings.Join(throttles, "\t"), filepath.Join(dir, "gone"))
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", m[1])
	cmd.Env = []string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Logf("%v %s", err, out)
	}
	gone, err := os.ReadFile(filepath.Join(dir, "gone"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return slices.Sorted(strings.Lines(string(gone)))
}

// TestSwitchingTheServerOff: API Gateway keeps the throttle of a route that is
// gone and then refuses every change of the stage, so the runbook takes away
// the throttles that the template has with the server alone, and no other.
func TestSwitchingTheServerOff(t *testing.T) {
	for _, program := range []string{"grep", "tr"} {
		if _, err := exec.LookPath(program); err != nil {
			peer.Absent(t, program, "on Debian: apt-get install grep coreutils")
		}
	}
	text, runbook := readDeployment(t).template, read(t, "docs/operations.md")
	problem := func(text, runbook string) string {
		with := routeThrottles(t, text, nil)
		without := routeThrottles(t, text, map[string]string{"BuiltInServer": "false", "Provider": "google", "ClientId": "x"})
		var want, got []string
		for _, route := range with {
			if !slices.Contains(without, route) {
				want = append(want, route)
			}
		}
		for _, line := range throttlesTakenAway(t, runbook, with) {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
		if len(want) == 0 || !slices.Equal(got, want) {
			return fmt.Sprintf("the commands take away %q, want %q", got, want)
		}
		return ""
	}
	if p := problem(text, runbook); p != "" {
		t.Error(p)
	}
	for _, c := range []struct{ name, text, runbook string }{
		{"a route of the server elsewhere", withFault(t, text, "RouteSettings:", "GET /oauth/jwks:", "GET /keys:"), runbook},
		{"a route that stays, among the server's", withFault(t, text, "RouteSettings:", "GET /session:", "GET /oauth/session:"), runbook},
		{"metadata left out", text, strings.Replace(runbook, `(oauth|\.well-known)`, "oauth", 1)},
		{"every route", text, strings.Replace(runbook, ` /(oauth|\.well-known)/`, " /", 1)},
		{"one route only", text, strings.Replace(runbook, " </dev/null\n", "\n", 1)},
		{"another stage", text, strings.Replace(runbook, "--stage-name '$default' --route-key", "--stage-name prod --route-key", 1)},
	} {
		if problem(c.text, c.runbook) == "" {
			t.Errorf("not noticed: %s", c.name)
		}
	}
}
