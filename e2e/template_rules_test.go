package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// writeUnits is what one request of a route costs the table at most: the
// callback's claim, and later the session that it starts.
var writeUnits = map[string]float64{"GET /login": 1, "GET /callback": 2, "POST /callback": 2}

// checkAPI looks at the throttles: each route has its own, /login the lowest,
// and even at the highest values that the parameters allow, together they
// leave room in the table for those who are signed in.
func checkAPI(r *report, doc stack.Document, functions []stack.Function) {
	r.want("APIs", doc.OfType("AWS::Serverless::HttpApi"), []string{"Api"})
	number := func(path ...string) float64 {
		n, err := strconv.ParseFloat(fmt.Sprint(doc.Get(path...)), 64)
		if err != nil {
			r.addf("%s: not a number", strings.Join(path, "."))
		}
		return n
	}
	for _, measure := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
		rest := number("Resources", "Api", "Properties", "DefaultRouteSettings", measure)
		login := number("Resources", "Api", "Properties", "RouteSettings", "GET /login", measure)
		units := 0.0
		for _, f := range functions {
			for _, route := range f.Routes {
				rate := number("Resources", "Api", "Properties", "RouteSettings", route.Key(), measure)
				units += rate * writeUnits[route.Key()]
				if rate > rest || (rate <= login && route.Path != "/login") {
					r.addf("%s of %s: %v, want it over /login's %v and at most the default %v", measure, route.Key(), rate, login, rest)
				}
			}
		}
		ceiling := number("Resources", "Flows", "Properties", "OnDemandThroughput", "MaxWriteRequestUnits")
		if units >= ceiling {
			r.addf("%s: the unauthenticated routes may use %v write units of %v", measure, units, ceiling)
		}
		number("Resources", "Flows", "Properties", "OnDemandThroughput", "MaxReadRequestUnits")
	}
	if stage := doc.Get("Resources", "Api", "Properties", "StageName"); stage != nil && stage != "$default" {
		r.addf("stage %v: only $default has no prefix in its paths", stage)
	}
}

// TestThrottlesAtTheirHighest_P06 takes the highest rates that the parameters
// allow.
func TestThrottlesAtTheirHighest_P06(t *testing.T) {
	text := readDeployment(t).template
	if over := ceilingBroken(t, text); over != "" {
		t.Error(over)
	}
	if ceilingBroken(t, strings.Replace(text, "MaxWriteRequestUnits: 600", "MaxWriteRequestUnits: 500", 1)) == "" {
		t.Error("a ceiling of 500 write units was not noticed")
	}
}

func ceilingBroken(t *testing.T, text string) string {
	t.Helper()
	tmpl, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := tmpl.Resolve(stack.Values{Parameters: map[string]string{
		"ClientId": "x", "Provider": "google", "LoginRate": "100", "CallbackRate": "100"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"LoginRate", "CallbackRate"} {
		if _, err := tmpl.Resolve(stack.Values{Parameters: map[string]string{"ClientId": "x", "Provider": "google", more: "101"}}); err == nil {
			return more + " takes more than 100"
		}
	}
	ceiling, _ := doc.Get("Resources", "Flows", "Properties", "OnDemandThroughput", "MaxWriteRequestUnits").(int)
	units := 0.0
	for _, n := range writeUnits {
		units += 100 * n
	}
	if units >= float64(ceiling) {
		return fmt.Sprintf("at their highest the routes may use %v write units of %d", units, ceiling)
	}
	return ""
}

var secretish = regexp.MustCompile(`(?i)secret|password|token|key`)

// checkSecrets sees that no secret can stand in the template, in a parameter's
// default or in samconfig.toml.
func checkSecrets(r *report, d deployment) {
	var parsed struct {
		Parameters map[string]struct {
			Description    string   `yaml:"Description"`
			Default        string   `yaml:"Default"`
			AllowedPattern string   `yaml:"AllowedPattern"`
			AllowedValues  []string `yaml:"AllowedValues"`
			MinValue       string   `yaml:"MinValue"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal([]byte(d.template), &parsed); err != nil {
		r.addf("%v", err)
	}
	for name, p := range parsed.Parameters {
		if p.Description == "" || (p.AllowedPattern == "" && p.AllowedValues == nil && p.MinValue == "") {
			r.addf("parameter %s: needs a description and a pattern, a list or limits", name)
		}
		if p.AllowedPattern != "" && (!strings.HasPrefix(p.AllowedPattern, "^") || !strings.HasSuffix(p.AllowedPattern, "$")) {
			r.addf("parameter %s: the pattern %s is not anchored", name, p.AllowedPattern)
		}
		if p.Default != "" && secretish.MatchString(name) {
			r.addf("parameter %s: a default for what names a secret", name)
		}
	}
	for file, text := range map[string]string{"template": d.template, "samconfig": d.samconfig} {
		if strings.Contains(text, "{{resolve:") {
			r.addf("%s: a dynamic reference puts the secret's text into the environment", file)
		}
	}
	if m := regexp.MustCompile(`(?im)^[^#\n]*(secret|password|parameter_overrides)`).FindString(d.samconfig); m != "" {
		r.addf("samconfig: %q", m)
	}
}

// checkNoOwnURL sees that no resource refers to the stack's own address, which
// CloudFormation would refuse as a circle: the API needs the functions. What
// names the API is where a route joins it, and the outputs.
func checkNoOwnURL(r *report, text string) {
	resources, _, _ := strings.Cut(text, "\nOutputs:")
	if strings.Contains(resources, "execute-api") || strings.Contains(resources, "${Api") || strings.Contains(resources, "GetAtt Api.") {
		r.addf("own URL: a resource refers to the API's address")
	}
	routes := strings.Count(resources, "Type: HttpApi\n")
	if refs := regexp.MustCompile(`\bRef:? Api\b`).FindAllString(resources, -1); len(refs) != routes {
		r.addf("own URL: %d references to the API for %d routes", len(refs), routes)
	}
	if strings.Contains(resources, "Fn::") || strings.Contains(resources, "DependsOn") {
		r.addf("own URL: write intrinsic functions in the short form, which this test reads")
	}
}

// checkBuild compares the Makefile and samconfig.toml with the template.
func checkBuild(r *report, d deployment) {
	m := regexp.MustCompile(`(?m)^GOARCH \?= (\w+)$`).FindStringSubmatch(d.makefile)
	if m == nil || !regexp.MustCompile(`(?m)^  Architecture:\n(?:    .*\n)*?    Default: `+m[1]+`\n`).MatchString(d.template) {
		r.addf("architecture: the Makefile's %q is not the template's default", m)
	}
	rules := regexp.MustCompile(`(?m)^([^\s#:=]+):(?:[^=]|$)`).FindAllStringSubmatch(d.makefile, -1)
	var names []string
	for _, rule := range rules {
		if strings.HasPrefix(rule[1], "build") {
			names = append(names, rule[1])
		}
	}
	r.want("rules that make functions", names, []string{"build-%"})
	for _, flag := range []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=$(GOARCH)", "-trimpath", "-buildvcs=false",
		"-tags lambda.norpc", `-ldflags="-s -w -buildid="`} {
		if !strings.Contains(d.makefile, flag) {
			r.addf("Makefile: %s is missing", flag)
		}
	}
	for _, setting := range []string{"cached", "parallel", "build_in_source"} {
		values := regexp.MustCompile(`(?m)^`+setting+` = (\w+)$`).FindAllStringSubmatch(d.samconfig, -1)
		want := strconv.FormatBool(setting != "cached")
		if len(values) != 2 || slices.ContainsFunc(values, func(v []string) bool { return v[1] != want }) {
			r.addf("samconfig: %s has to be %s in both profiles", setting, want)
		}
	}
}
