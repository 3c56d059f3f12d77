// Package env reads settings from the environment, typed, and reports every
// problem at once: the name, what is wrong with it and an example.
//
// Only mains call it, directly or through a package's FromEnv. It never keeps
// reading after start-up and never prints the value of a secret.
package env

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Reader reads settings and remembers what was wrong with them. The zero
// value reads the process's environment. A setting that is empty counts as
// not set: a template declares every name, with or without a value.
type Reader struct {
	// Environ stands in for the process's environment ("NAME=value" entries)
	// when not nil.
	Environ []string
	// Partial says that only some of the settings are read here: OAUTH_* and
	// OIDC_* names that nobody asked for are left to those who do.
	Partial bool

	values   map[string]string
	asked    map[string]bool
	aliases  map[string]string // a setting's name -> the alias that gave it
	problems []Problem
}

// Problem is one thing wrong with the settings.
type Problem struct {
	Name string // the setting, as it was spelled
	What string // what is wrong, without the value of a secret
	Do   string // what to do; may be empty
}

func (p Problem) String() string {
	s := p.Name + ": " + p.What
	if p.Do != "" {
		s += "; " + p.Do
	}
	return s
}

func (r *Reader) load() {
	if r.values != nil {
		return
	}
	r.values, r.asked, r.aliases = map[string]string{}, map[string]bool{}, map[string]string{}
	environ := r.Environ
	if environ == nil {
		environ = os.Environ()
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		r.values[name] = value
	}
}

// Alias lets other, older names give the setting when it is not set itself.
// Both set, and differently, is a problem.
func (r *Reader) Alias(name string, others ...string) {
	r.load()
	for _, other := range others {
		r.asked[other] = true
		if v := r.values[other]; v != "" {
			r.Infer(name, v, other)
		}
	}
}

// Infer gives the setting name the value that follows from another setting,
// unless it is set itself. Both, and different, is a problem.
func (r *Reader) Infer(name, value, from string) {
	r.load()
	switch r.values[name] {
	case "":
		r.values[name], r.aliases[name] = value, from
	case value:
	default:
		r.Report(from, "contradicts "+r.spelled(name), "remove one of the two")
	}
}

// spelled is the name under which the user set a setting.
func (r *Reader) spelled(name string) string {
	if a, ok := r.aliases[name]; ok {
		return a
	}
	return name
}

// Report adds a problem that the caller found. An alias is named as the user
// spelled it.
func (r *Reader) Report(name, what, do string) {
	r.load()
	p := Problem{r.spelled(name), what, do}
	if !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}

// String returns the setting, or "" when it is not set.
func (r *Reader) String(name string) string {
	r.load()
	r.asked[name] = true
	v := r.values[name]
	switch {
	case v == "":
	case strings.HasPrefix(v, "{{resolve:"):
		r.Report(name, "is a CloudFormation reference that nothing resolved",
			"give the value itself, or for a secret the name that ends in _ARN")
	case placeholder(v):
		r.Report(name, "still has the placeholder of the documentation", "put your own value there")
	case strings.TrimSpace(v) != v:
		r.Report(name, "begins or ends with white space", "remove it")
	case strings.ContainsFunc(v, func(c rune) bool { return c < 0x20 || c == 0x7f }):
		r.Report(name, "contains a control character", "remove it")
	default:
		return v
	}
	return ""
}

// placeholder reports the stand-ins that documentation uses.
func placeholder(v string) bool {
	v = strings.ToLower(v)
	return strings.HasPrefix(v, "your-") || strings.HasPrefix(v, "your_") || v == "changeme" || v == "change-me" ||
		(strings.HasPrefix(v, "<") && strings.HasSuffix(v, ">"))
}

// Given reports whether the setting has a value, a usable one or not.
func (r *Reader) Given(name string) bool {
	r.load()
	return r.values[name] != ""
}

// Required is String for a setting that must be there; example completes the
// sentence "set it, for example NAME=example".
func (r *Reader) Required(name, example string) string {
	n := len(r.problems)
	v := r.String(name)
	if v == "" && len(r.problems) == n {
		r.Report(name, "is not set", "set it, for example "+name+"="+example)
	}
	return v
}

// Secret is String for a value that must not be printed.
func (r *Reader) Secret(name string) secret.Text { return secret.NewText(r.String(name)) }

// OneOf returns the setting, def when it is not set, or def and a problem when
// it is none of choices.
func (r *Reader) OneOf(name, def string, choices ...string) string {
	v := r.String(name)
	if v == "" {
		return def
	}
	if slices.Contains(choices, v) {
		return v
	}
	do := "use one of " + strings.Join(choices, ", ")
	if near := nearest(v, choices); near != "" {
		do = "did you mean " + near + "? Use one of " + strings.Join(choices, ", ")
	}
	r.Report(name, fmt.Sprintf("%q is not known", v), do)
	return def
}

// URL returns an endpoint's URL: https, or http on a loopback host; no user,
// no fragment.
func (r *Reader) URL(name string) string {
	v := r.String(name)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if r.credentials(name, v) {
		return ""
	}
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Fragment != "" ||
		(u.Scheme != "https" && !(u.Scheme == "http" && baseurl.Loopback(u.Hostname()))) {
		r.Report(name, fmt.Sprintf("%q is not an https URL (http is for loopback hosts only)", v),
			"write it in full, for example "+name+"=https://provider.example/path")
		return ""
	}
	return v
}

// credentials reports a URL with a user name or password in it. It is not
// printed: what stands before an @ may be a secret.
func (r *Reader) credentials(name, v string) bool {
	if u, err := url.Parse(v); err == nil && u.User == nil || !strings.Contains(v, "@") {
		return false
	}
	r.Report(name, "has a user name or password in it", "leave out everything between // and the host")
	return true
}

// BaseURL returns the setting as [baseurl.Parse] normalises it.
func (r *Reader) BaseURL(name string) string {
	v := r.String(name)
	if v == "" {
		return ""
	}
	if r.credentials(name, v) {
		return ""
	}
	base, err := baseurl.Parse(v)
	if err != nil {
		r.Report(name, fmt.Sprintf("%q is no base URL: %v", v, err), "for example "+name+"=https://login.example.com")
	}
	return base
}

// Duration returns the setting, a Go duration of whole seconds from min to
// max, or def when it is not set.
func (r *Reader) Duration(name string, def, min, max time.Duration) time.Duration {
	v := r.String(name)
	if v == "" {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < min || d > max || d%time.Second != 0 {
		r.Report(name, fmt.Sprintf("%q is not a duration of whole seconds from %v to %v", v, min, max),
			fmt.Sprintf("for example %s=%v", name, def))
		return def
	}
	return d
}

// Asked returns the names that were asked for, aliases included, sorted.
func (r *Reader) Asked() []string {
	r.load()
	names := make([]string, 0, len(r.asked))
	for name := range r.asked {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Problems are all problems, unknown OAUTH_* and OIDC_* names among them. Ask
// for everything before you call it.
func (r *Reader) Problems() []Problem {
	r.load()
	problems := slices.Clone(r.problems)
	if !r.Partial {
		problems = append(problems, r.unknown()...)
	}
	return problems
}

// Err is [Reader.Problems] as one error, nil without any.
func (r *Reader) Err() error {
	problems := r.Problems()
	if len(problems) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d problem(s) with the settings:", len(problems))
	for _, p := range problems {
		b.WriteString("\n  - " + p.String())
	}
	return errors.New(b.String())
}

// unknown finds names that look like ours and that nobody asked for.
func (r *Reader) unknown() []Problem {
	var found []Problem
	for name, value := range r.values {
		if value == "" || r.asked[name] || !(strings.HasPrefix(name, "OAUTH_") || strings.HasPrefix(name, "OIDC_")) {
			continue
		}
		do := "remove it"
		if near := nearest(name, r.Asked()); near != "" {
			do = "did you mean " + near + "?"
		}
		found = append(found, Problem{name, "is not a setting", do})
	}
	slices.SortFunc(found, func(a, b Problem) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// Must ends the process with status 1 after printing every problem to
// standard error, when there is any.
func (r *Reader) Must() {
	if err := r.Err(); err != nil {
		_, _ = io.WriteString(os.Stderr, "latchkey: "+err.Error()+"\n")
		os.Exit(1)
	}
}
