package stack

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// Config says which stack to run. The zero value runs the repository's
// template with its defaults.
type Config struct {
	Template string // the template's file; default template.yaml of the module
	Values          // parameters and the names that AWS would give

	// Override replaces values of the environment, as --env-vars of sam local
	// does, in every function that declares the name. A name that no function
	// declares is an error: sam local would drop it without a word.
	Override map[string]string
	// CAFile is a PEM file of further certificate authorities to trust, for a
	// provider with a certificate of the test's own. Not part of the template.
	CAFile string

	// Timeout of every function, in place of the template's.
	Timeout time.Duration

	Processes int  // per function; default 2
	SAMLocal  bool // shape events, URL and table name as "sam local start-api" does
	// StayDown leaves a process that ended as it is: invocations that it would
	// get fail. By default the next invocation starts a new one, as on Lambda.
	StayDown bool

	// Now is the clock of the authorizers' results that are kept; default
	// time.Now.
	Now func() time.Time

	// Base takes requests for other hosts than the stack's; default a
	// transport that uses no proxy.
	Base http.RoundTripper
	// Bootstrap gives a function's binary; default Build for this machine.
	Bootstrap func(id string) ([]byte, error)
}

// Stack is a running stack. It is safe for concurrent use.
type Stack struct {
	values    Values
	samLocal  bool
	dir       string
	base      http.RoundTripper
	hosts     map[string]bool // scheme://host[:port] of requests for this stack
	url       string
	routes    map[string]Route // by key
	functions map[string]*function
	failures  failures

	doorkeeper doorkeeper
}

// Start runs a stack for one test: New, with errors fatal, and Close at the
// end of the test. If the test fails, it shows what the processes wrote.
func Start(t testing.TB, c Config) *Stack {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, id := range s.Functions() {
				t.Logf("%s wrote:\n%s", id, s.Log(id))
			}
			for _, f := range s.Failures() {
				t.Logf("failed: %s", f)
			}
		}
		s.Close()
	})
	return s
}

// New runs a stack. The error of a process that ends during its init has what
// it wrote. The caller calls Close.
func New(c Config) (*Stack, error) {
	if c.Template == "" {
		root, err := Root()
		if err != nil {
			return nil, err
		}
		c.Template = filepath.Join(root, "template.yaml")
	}
	c.Values = c.Values.withDefaults()
	if c.SAMLocal {
		c.Table, c.Tables, c.samLocal = "", nil, true
	}
	t, err := ParseFile(c.Template)
	if err != nil {
		return nil, err
	}
	doc, err := t.Resolve(c.Values)
	if err != nil {
		return nil, err
	}
	declared, err := doc.Functions()
	if err != nil {
		return nil, err
	}
	if err := override(declared, c.Override); err != nil {
		return nil, err
	}
	s := &Stack{
		values: c.Values, samLocal: c.SAMLocal, base: c.Base,
		routes: map[string]Route{}, functions: map[string]*function{},
	}
	if s.base == nil {
		s.base = &http.Transport{}
	}
	if err := s.takeAddress(declared); err != nil {
		return nil, err
	}
	if err := s.doorkeeper.take(doc, declared, c.Now); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "stack-"); err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	for _, f := range declared {
		if c.Timeout > 0 {
			f.Timeout = c.Timeout
		}
		if err := s.add(f, c); err != nil {
			s.Close()
			return nil, err
		}
	}
	if err := s.startAll(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// startAll starts the functions at the same time: the init of one is not the
// others' to wait for.
func (s *Stack) startAll() error {
	errs := make(chan error, len(s.functions))
	for _, f := range s.functions {
		go func() { errs <- f.startAll() }()
	}
	var failed error
	for range s.functions {
		failed = firstOf(failed, <-errs)
	}
	return failed
}

// override puts values over the environment of the functions that declare them.
func override(functions []Function, values map[string]string) error {
	for name, value := range values {
		found := false
		for _, f := range functions {
			if _, ok := f.Environment[name]; ok {
				f.Environment[name], found = value, true
			}
		}
		if !found {
			return fmt.Errorf("stack: override %s: no function declares it in the template", name)
		}
	}
	return nil
}

// takeAddress finds out under which addresses the stack is reached.
func (s *Stack) takeAddress(functions []Function) error {
	s.url = "https://" + s.values.APIID + ".execute-api." + s.values.Region + ".amazonaws.com"
	if s.samLocal {
		s.url = "http://localhost:3000"
	}
	s.hosts = map[string]bool{s.url: true}
	for _, f := range functions {
		public := f.Environment["PUBLIC_BASE_URL"]
		if public == "" {
			continue
		}
		u, err := url.Parse(public)
		if err != nil {
			return fmt.Errorf("stack: PUBLIC_BASE_URL: %w", err)
		}
		s.url = u.Scheme + "://" + u.Host
		s.hosts[s.url] = true
	}
	return nil
}

func (s *Stack) add(f Function, c Config) error {
	for _, r := range f.Routes {
		if other, taken := s.routes[r.Key()]; taken {
			return fmt.Errorf("stack: %s belongs to %s and %s", r.Key(), other.Function, f.ID)
		}
		s.routes[r.Key()] = r
	}
	bootstrap := c.Bootstrap
	if bootstrap == nil {
		bootstrap = func(id string) ([]byte, error) { return Build(id, runtime.GOARCH) }
	}
	binary, err := bootstrap(f.ID)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.dir, f.ID)
	path := filepath.Join(dir, "bootstrap")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	fn := newFunction(f, path, s.values, c)
	fn.failures = &s.failures
	s.functions[f.ID] = fn
	return nil
}

// URL is the stack's public base: PUBLIC_BASE_URL if the functions have one,
// else the API's own address.
func (s *Stack) URL() string { return s.url }

// Functions lists the logical ids, sorted.
func (s *Stack) Functions() []string {
	var ids []string
	for id := range s.functions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Close ends all processes and removes their files.
func (s *Stack) Close() {
	for _, f := range s.functions {
		f.stopAll()
	}
	_ = os.RemoveAll(s.dir)
}
