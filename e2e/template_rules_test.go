package e2e_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var secretish = regexp.MustCompile(`(?i)secret|password|token|key`)

// checkSecrets sees that no secret can stand in the template, in a parameter's
// default or in samconfig.toml.
func checkSecrets(r *report, d deployment) {
	var parsed struct {
		Parameters map[string]struct {
			Type           string   `yaml:"Type"`
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

// checkNoOwnURL sees that no resource refers to the stack's own address, which
// CloudFormation would refuse as a circle: the API needs the functions. What
// names the API is where a route joins it, and the outputs.
func checkNoOwnURL(r *report, text string) {
	resources, _, _ := strings.Cut(text, "\nOutputs:")
	if strings.Contains(resources, "execute-api") || strings.Contains(resources, "${Api") || strings.Contains(resources, "GetAtt Api.") {
		r.addf("own URL: a resource refers to the API's address")
	}
	routes := len(regexp.MustCompile(`\bType: HttpApi\b`).FindAllString(resources, -1))
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
		"-tags lambda.norpc,nethttpomithttp2", `-ldflags="-s -w -buildid="`} {
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
