package e2e_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

var secretish = regexp.MustCompile(`(?i)secret|password|token|key`)

// checkSecrets sees that no secret can stand in the template, in a parameter's
// default or in samconfig.toml.
func checkSecrets(r *report, d deployment) {
	var parameters map[string]struct {
		Type           string   `yaml:"Type"`
		Description    string   `yaml:"Description"`
		Default        string   `yaml:"Default"`
		AllowedPattern string   `yaml:"AllowedPattern"`
		AllowedValues  []string `yaml:"AllowedValues"`
		MinValue       string   `yaml:"MinValue"`
	}
	// With the race detector, parsing takes long: this section alone.
	text := regexp.MustCompile(`(?ms)^Parameters:\n(.*?)^\w`).FindStringSubmatch(d.template)
	if text == nil {
		r.addf("no parameters")
		return
	}
	if err := yaml.Unmarshal([]byte(text[1]), &parameters); err != nil {
		r.addf("%v", err)
	}
	for name, p := range parameters {
		if p.Description == "" || (p.AllowedPattern == "" && p.AllowedValues == nil && p.MinValue == "") {
			r.addf("parameter %s: needs a description and a pattern, a list or limits", name)
		}
		if p.AllowedPattern != "" && (!strings.HasPrefix(p.AllowedPattern, "^") || !strings.HasSuffix(p.AllowedPattern, "$")) {
			r.addf("parameter %s: the pattern %s is not anchored", name, p.AllowedPattern)
		}
		if p.Default != "" && p.Type != "Number" && secretish.MatchString(name) {
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

// mayNameTheAPI are the resources that come after the API.
var mayNameTheAPI = []any{"AWS::ApiGatewayV2::ApiMapping", "AWS::CloudWatch::Alarm"}

// checkNoOwnURL sees that nothing that the API needs refers to it, which
// CloudFormation would refuse as a circle: the API needs the functions, and
// these need roles, tables and secrets. A function names it where a route joins
// it, which is not the function's but the API's.
func checkNoOwnURL(r *report, doc stack.Document) {
	resources, _ := doc["Resources"].(map[string]any)
	for id, resource := range resources {
		kind := doc.Get("Resources", id, "Type")
		properties, _ := stack.Document(resource.(map[string]any)).Get("Properties").(map[string]any)
		if kind == "AWS::Serverless::Function" {
			properties = maps.Clone(properties)
			delete(properties, "Events")
		}
		if strings.Contains(fmt.Sprint(properties), "a1b2c3d4e5") && !slices.Contains(mayNameTheAPI, kind) {
			r.addf("own URL: %s refers to the API", id)
		}
	}
	if strings.Contains(fmt.Sprint(doc["Globals"]), "a1b2c3d4e5") {
		r.addf("own URL: every function refers to the API")
	}
}

// checkBuild compares the Makefile and samconfig.toml with the template.
func checkBuild(r *report, d deployment) {
	m := regexp.MustCompile(`(?m)^GOARCH \?= (\w+)$`).FindStringSubmatch(d.makefile)
	if m == nil || !regexp.MustCompile(`(?m)^  Architecture: \{Type: String, Default: `+m[1]+`,`).MatchString(d.template) {
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
		"-tags lambda.norpc,nethttpomithttp2", `-ldflags="-s -w -buildid="`} {
		if !strings.Contains(d.makefile, flag) {
			r.addf("Makefile: %s is missing", flag)
		}
	}
	for _, setting := range []string{"cached", "parallel", "build_in_source"} {
		values := regexp.MustCompile(`(?m)^`+setting+` = (\w+)$`).FindAllStringSubmatch(d.samconfig, -1)
		want := strconv.FormatBool(setting != "cached")
		if len(values) != 3 || slices.ContainsFunc(values, func(v []string) bool { return v[1] != want }) {
			r.addf("samconfig: %s has to be %s in every profile", setting, want)
		}
	}
}
