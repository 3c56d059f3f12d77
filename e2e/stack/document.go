package stack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Document is a resolved template: its sections Globals, Resources and Outputs
// as strings, numbers, lists and maps.
type Document map[string]any

// Route is one method and path of the HTTP API, and the function behind it.
type Route struct {
	Method, Path, Function string
	Payload                string // payload format version
	Authorizer             string // name; empty: anybody may call it
}

// Key is the route's key as API Gateway writes it, for example "GET /login".
func (r Route) Key() string { return r.Method + " " + r.Path }

// Function is what the template says of one Lambda function, the section
// Globals merged in.
type Function struct {
	ID           string // logical id
	Properties   map[string]any
	Environment  map[string]string
	Routes       []Route
	Timeout      time.Duration
	MemoryMB     int
	LogGroup     string
	Architecture string
	Handler      string
}

// match compares a request with the route and returns the path's parameters.
// A parameter is one part of the path, and not empty.
func (r Route) match(method, path string) (parameters map[string]string, ok bool) {
	want, got := strings.Split(r.Path, "/"), strings.Split(path, "/")
	if method != r.Method || len(want) != len(got) {
		return nil, false
	}
	for i, part := range want {
		if name, variable := strings.CutPrefix(part, "{"); variable && got[i] != "" {
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[strings.TrimSuffix(name, "}")] = got[i]
		} else if part != got[i] {
			return nil, false
		}
	}
	return parameters, true
}

// Get walks maps by key; nil where the path ends early.
func (d Document) Get(path ...string) any {
	var at any = map[string]any(d)
	for _, key := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[key]
	}
	return at
}

// OfType lists the logical ids of the resources of a type, sorted.
func (d Document) OfType(kind string) []string {
	var ids []string
	resources, _ := d.Get("Resources").(map[string]any)
	for id := range resources {
		if d.Get("Resources", id, "Type") == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Functions lists the template's functions, sorted by logical id.
func (d Document) Functions() ([]Function, error) {
	var all []Function
	for _, id := range d.OfType("AWS::Serverless::Function") {
		f, err := d.function(id)
		if err != nil {
			return nil, fmt.Errorf("stack: function %s: %w", id, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func (d Document) function(id string) (Function, error) {
	globals, _ := d.Get("Globals", "Function").(map[string]any)
	own, _ := d.Get("Resources", id, "Properties").(map[string]any)
	p := merge(globals, own)
	f := Function{ID: id, Properties: p, Environment: map[string]string{}}
	f.Handler, _ = p["Handler"].(string)
	f.MemoryMB, _ = p["MemorySize"].(int)
	seconds, _ := p["Timeout"].(int)
	f.Timeout = time.Duration(cmp.Or(seconds, 3)) * time.Second // 3 s is Lambda's default
	if archs, _ := p["Architectures"].([]any); len(archs) == 1 {
		f.Architecture, _ = archs[0].(string)
	}
	within := Document(p)
	f.LogGroup, _ = within.Get("LoggingConfig", "LogGroup").(string)
	variables, _ := within.Get("Environment", "Variables").(map[string]any)
	for name, v := range variables {
		s, ok := v.(string)
		if !ok {
			return f, fmt.Errorf("environment %s: %v is not a string", name, v)
		}
		f.Environment[name] = s
	}
	return f, f.takeRoutes(within)
}

func (f *Function) takeRoutes(properties Document) error {
	events, _ := properties.Get("Events").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(events)) {
		if properties.Get("Events", name, "Type") != "HttpApi" {
			continue
		}
		text := func(key string) string {
			s, _ := properties.Get("Events", name, "Properties", key).(string)
			return s
		}
		route := Route{
			Method: strings.ToUpper(text("Method")), Path: text("Path"), Function: f.ID,
			Payload: cmp.Or(text("PayloadFormatVersion"), "2.0"),
		}
		auth, _ := properties.Get("Events", name, "Properties", "Auth").(map[string]any)
		if rest := othersThan(auth, "Authorizer"); len(rest) > 0 {
			return fmt.Errorf("event %s: Auth: %v is not understood here", name, rest)
		}
		route.Authorizer, _ = auth["Authorizer"].(string)
		if route.Method == "" || route.Method == "ANY" || strings.ContainsAny(route.Path, "+$") || !strings.HasPrefix(route.Path, "/") {
			return fmt.Errorf("event %s: the route %q is not understood here: name a method and a path, with {name} for a part at most", name, route.Key())
		}
		f.Routes = append(f.Routes, route)
	}
	return nil
}

// merge lays own over globals as the SAM transform does: maps by key, lists
// one after the other, the rest replaced.
func merge(globals, own map[string]any) map[string]any {
	out := maps.Clone(globals)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range own {
		switch v := v.(type) {
		case map[string]any:
			if g, ok := out[key].(map[string]any); ok {
				out[key] = merge(g, v)
				continue
			}
		case []any:
			if g, ok := out[key].([]any); ok {
				out[key] = slices.Concat(g, v)
				continue
			}
		}
		out[key] = v
	}
	return out
}
